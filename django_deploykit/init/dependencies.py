"""How django-deploykit becomes a locked dependency of a project (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from django_deploykit.init.chain import Files

_NAME = re.compile(r"^\s*[\"']?(?:\S*/)?django[-_.]deploykit\b", re.IGNORECASE | re.MULTILINE)
_AGAIN = "add {ours} to its source, and lock again"
# Lock files that another tool keeps, and what a user runs to add us.
_TOOLS = {
    "uv.lock": "uv add --no-sync {ours}",
    "poetry.lock": "poetry add --lock {ours}",
    "Pipfile.lock": "pipenv install {ours}",
    "pdm.lock": "pdm add --no-sync {ours}",
    "pylock.toml": _AGAIN,
    "requirements.lock": _AGAIN,
}
_COMPILED = ("requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")


@dataclass(frozen=True)
class Locking:
    """How to lock.

    ``files`` are texts to write first, by path. ``arguments`` are uv's; ``locked`` are the files
    that uv writes. If another tool keeps the lock file, ``command`` is what the user runs, and
    ``advice`` says that it is missing.
    """

    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    advice: str = ""
    command: str = ""


def plan_locking(
    files: Files, requirement: str, django: str, python: str, elsewhere: str = ""
) -> Locking:
    """Return how to lock a project with ``requirement``, for ``python``, as 3.12, and newer.

    ``django`` is the version that runs now. It is only used if the project names no dependencies.
    ``elsewhere`` is the path of a lock file that deploykit.ini names, or that is in a folder above.
    """
    if elsewhere:
        return _locked_elsewhere(files, requirement, elsewhere)
    locking = _planned(files, requirement, django)
    if locking.arguments[:2] == ("pip", "compile"):
        return replace(locking, arguments=(*locking.arguments, "--python-version", python))
    return locking


def _planned(files: Files, requirement: str, django: str) -> Locking:
    pyproject = files("pyproject.toml") or ""
    if files("uv.lock") is not None:
        return _uv(files, pyproject, requirement)
    for name in _TOOLS:
        if (text := files(name)) is not None:
            return _advised(name, text, requirement)
    if files("requirements.in") is not None or files("requirements.txt") is not None:
        return _requirements(files, requirement)
    if any(files(name) is not None for name in _COMPILED):
        return _requirements_folder(files, requirement)
    if _has_project(pyproject):
        return _uv(files, pyproject, requirement)
    return _compile(f"django~={django}\n{requirement}\n", "requirements.txt")


def _locked_elsewhere(files: Files, requirement: str, lock: str) -> Locking:
    """Leave a lock file to the user that is not in the project's folder, or has a name of its own.

    A lock file next to manage.py would take its place. uv finds the lock file of a workspace.
    """
    pyproject = files("pyproject.toml") or ""
    if lock.endswith("/uv.lock") and _has_project(pyproject):
        return _uv(files, pyproject, requirement, lock)
    return _advised(lock, files(lock) or "", requirement)


def _advised(lock: str, text: str, requirement: str) -> Locking:
    if _NAME.search(text) or "django-deploykit" in text:
        return Locking()
    known = _TOOLS.get(lock.rpartition("/")[2], _AGAIN)
    what = known.format(ours=requirement)
    # In another folder the paths of the command would be wrong.
    command = what if known != _AGAIN and "/" not in lock else ""
    return Locking(advice=f"{lock}: {'run ' if command else ''}{what}", command=command)


def _has_project(pyproject: str) -> bool:
    return re.search(r"^\[project\]", pyproject, re.MULTILINE) is not None


def _uv(files: Files, pyproject: str, requirement: str, lock: str = "uv.lock") -> Locking:
    if _NAME.search(pyproject) and "django-deploykit" in (files(lock) or ""):
        return Locking()
    arguments = ("add", "--no-sync", requirement)
    return Locking(arguments=arguments, locked=("pyproject.toml", lock))


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
