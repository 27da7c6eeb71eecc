"""Whether what a developer has installed is what the lock file has, as far as it matters.

The checks run with the installed Django and apps. Only their release series count (5.2 of 5.2.19),
because an environment that is a patch release behind is usual and harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from django_deploykit.bundle.locks.base import LockFile, Requirement, normal_name
from django_deploykit.bundle.project_side.try_project import modules_of
from django_deploykit.bundle.source import some
from django_deploykit.errors import DeployKitError

_SERIES = re.compile(r"(?:\d+!)?(\d+)(?:\.(\d+))?")
_OURS = "django-deploykit"  # often installed for its extra, by itself


def validate_versions(lock: LockFile, apps: Iterable[str]) -> None:
    """Raise :class:`DeployKitError` if Django or an app is installed in another release series.

    ``apps`` are those of INSTALLED_APPS. What is not installed, or locked without a version, does
    not count. A distribution may be locked more than once, for several Pythons.
    """
    found = list(_iter_different(lock, {"django", *(app.partition(".")[0] for app in apps)}))
    if found:
        way = f": pip install -r {lock.path}" if lock.path.endswith(".txt") else ""
        raise DeployKitError(
            f"{lock.path} has other versions than this environment: {some(found)}",
            f"The checks ran with what is installed. Install what is locked{way}.",
        )


def _iter_different(lock: LockFile, modules: set[str]) -> Iterator[str]:
    locked: dict[str, list[Requirement]] = {}
    for one in lock.requirements:
        locked.setdefault(normal_name(one.distribution), []).append(one)
    for name, rows in locked.items():
        versions = [one.version for one in rows]
        here = _installed(name)
        if name == _OURS or here is None or not all(versions):
            continue
        if series(here.version) not in map(series, versions) and modules_of(here) & modules:
            yield f"{name} {here.version} instead of {' or '.join(versions)}"


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def series(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version.

    >>> series("5.2.19"), series("1!8"), series("2026b1")
    ((5, 2), (8, 0), (2026, 0))
    """
    match = _SERIES.match(version.strip().lower().removeprefix("v"))
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)
