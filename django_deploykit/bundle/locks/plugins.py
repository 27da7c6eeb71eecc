"""Plug-ins of one installation: a second lock file, beside that of a product (pure).

Users of NetBox or Sentry lock their plug-ins apart from the product, whose lock file they did not
write. Both are installed together, so that they must agree: docs/decisions/0078 says what that means.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from django_deploykit.bundle.locks.base import LockFile, Reader, Requirement, normal_name
from django_deploykit.bundle.locks.completeness import is_unnamed
from django_deploykit.bundle.locks.requirements import local_option
from django_deploykit.errors import BundleError, Problems

_COMPILE = "--universal --generate-hashes"
# A line of ``uv pip check``.
_UNMET = re.compile(
    r"The package `(?P<package>[^`]+)` requires `(?P<needs>[^`]+)`, but `(?P<version>[^`]+)` is installed"
)


def moved(lock: LockFile, folder: str) -> LockFile:
    """Return a lock file whose paths are relative to another folder.

    ``folder`` is the path from there to the folder of the lock file.
    """
    if folder == ".":
        return lock
    rows = tuple(_moved(one, folder) for one in lock.requirements)
    options = tuple(local_option(one, folder) for one in lock.options)
    path = os.path.normpath(os.path.join(folder, lock.path))
    return replace(lock, path=path, requirements=rows, options=options)


def _moved(one: Requirement, folder: str) -> Requirement:
    where = os.path.normpath(os.path.join(folder, one.where))
    if not one.local or one.outside:
        return replace(one, where=where)
    path = one.target.partition("#")[0].removeprefix("file:")
    new = os.path.normpath(os.path.join(folder, path))
    new = new if new.startswith("..") else f"./{new}"
    return replace(one, where=where, text=one.text.replace(path, new, 1))


def validate_needs(lock: LockFile, unmet: Iterable[str], hint: str) -> None:
    """Raise :class:`Problems` if a plug-in needs another version than is locked, or the reverse.

    ``unmet`` are the lines of ``uv pip check``.
    """
    if problems := list(_iter_unmet(lock, unmet)):
        raise Problems(f"{lock.plugins} conflicts with {lock.path}:", problems, hint)


def _iter_unmet(lock: LockFile, unmet: Iterable[str]) -> Iterator[str]:
    rows = {normal_name(one.distribution): one for one in lock.requirements}
    for match in filter(None, map(_UNMET.search, unmet)):
        name = normal_name(match["package"])
        needed = normal_name(re.split(r"[^\w.-]", match["needs"], maxsplit=1)[0])
        if {name, needed} & lock.added:
            here, there = (rows[one].where if one in rows else one for one in (name, needed))
            wanted = f"{match['package']} needs {match['needs']}"
            yield f"{here}: {wanted}, but {there} has {match['version']}"


def plugins_hint(product: Reader, lock: LockFile, plugins: str) -> str:
    """Return how to lock plug-ins for a product whose lock file ``product`` has read.

    Its versions are constraints. A path cannot be one, so that a file with paths is compiled, too.
    """
    source = f"{plugins.rpartition('.')[0] or plugins}.in"
    if product.pins:
        command = f"{product.pins} | uv pip compile {source} -c -"
    elif any(is_unnamed(one) or one.local for one in lock.requirements):
        command = f"uv pip compile {source} {lock.path}"
    else:
        command = f"uv pip compile {source} -c {lock.path}"
    return f"Lock the plug-ins for these versions: {command} {_COMPILE} -o {plugins}"


def missing_plugins(plugins: str, hint: str) -> BundleError:
    """Return the error for a lock file of plug-ins that is not there."""
    where = "plugins in [bundle] of deploykit.ini"
    return BundleError(
        f"{where}: {plugins} is not in the commit", f"{hint}, and commit both files."
    )
