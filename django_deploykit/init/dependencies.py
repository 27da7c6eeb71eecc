"""How django-deploykit becomes a locked dependency of a project (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from django_deploykit.init.chain import Files

_NAME = re.compile(r"^\s*[\"']?(?:\S*/)?django[-_.]deploykit\b", re.IGNORECASE | re.MULTILINE)
# Lock files that another tool keeps, and what a user runs to add us.
_TOOLS = {
    "poetry.lock": "poetry add --lock {ours}",
    "Pipfile.lock": "pipenv install {ours}",
    "pdm.lock": "pdm add --no-sync {ours}",
    "pylock.toml": "add {ours} to its source, and lock again",
    "requirements.lock": "add {ours} to its source, and lock again",
}
_COMPILED = ("requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")


@dataclass(frozen=True)
class Locking:
    """How to lock.

    ``files`` are texts to write first, by path. ``arguments`` are uv's; ``locked`` are the files
    that uv writes. ``advice`` is for the user if there is nothing that we can run.
    """

    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    advice: str = ""


def plan_locking(files: Files, requirement: str, django: str, python: str) -> Locking:
    """Return how to lock a project with ``requirement``, for ``python``, as 3.12, and newer.

    ``django`` is the version that runs now. It is only used if the project names no dependencies.
    """
    locking = _planned(files, requirement, django)
    if locking.arguments[:2] == ("pip", "compile"):
        return replace(locking, arguments=(*locking.arguments, "--python-version", python))
    return locking


def _planned(files: Files, requirement: str, django: str) -> Locking:
    pyproject = files("pyproject.toml") or ""
    has_project = re.search(r"^\[project\]", pyproject, re.MULTILINE) is not None
    if files("uv.lock") is not None:
        return _uv(files, pyproject, requirement)
    for name, advice in _TOOLS.items():
        if (text := files(name)) is not None:
            known = _NAME.search(text) is not None or "django-deploykit" in text
            return Locking(advice="" if known else f"{name}: " + advice.format(ours=requirement))
    if files("requirements.in") is not None or files("requirements.txt") is not None:
        return _requirements(files, requirement)
    if any(files(name) is not None for name in _COMPILED):
        return _requirements_folder(files, requirement)
    if has_project:
        return _uv(files, pyproject, requirement)
    return _compile(f"django~={django}\n{requirement}\n", "requirements.txt")


def _uv(files: Files, pyproject: str, requirement: str) -> Locking:
    if _NAME.search(pyproject) and "django-deploykit" in (files("uv.lock") or ""):
        return Locking()
    arguments = ("add", "--no-sync", requirement)
    return Locking(arguments=arguments, locked=("pyproject.toml", "uv.lock"))


def _requirements(files: Files, requirement: str) -> Locking:
    """Lock ``requirements.in`` into ``requirements.txt``, which is the source if there is no other."""
    compiled, source = files("requirements.txt"), files("requirements.in")
    if source is None and "--hash=" in (compiled or ""):
        known = _NAME.search(compiled or "")
        advice = f"requirements.txt: add {requirement} to its source, and lock again"
        return Locking(advice="" if known else advice)
    text = source if source is not None else compiled or ""
    if _NAME.search(text) and "--hash=" in (compiled or ""):
        return Locking()
    return _compile(_with(text, requirement), "requirements.txt")


def _requirements_folder(files: Files, requirement: str) -> Locking:
    """Lock what ``requirements/production.txt`` names into a file of its own."""
    name = next(one for one in _COMPILED if files(one) is not None)
    return _compile(f"-r {name}\n{requirement}\n", "requirements.lock")


def _compile(text: str, lock: str) -> Locking:
    source = "requirements.in"
    arguments = ("pip", "compile", "-q", "--universal", "--generate-hashes", source, "-o", lock)
    return Locking({source: text}, arguments, (lock,))


def _with(text: str, requirement: str) -> str:
    if _NAME.search(text):
        return text
    eol = "\r\n" if "\r\n" in text else "\n"
    return text + ("" if text.endswith("\n") or not text else eol) + requirement + eol
