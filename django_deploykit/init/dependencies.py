"""How django-deploykit becomes a locked dependency of a project (pure)."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from django_deploykit.bundle.locks import pdm, pipenv, poetry
from django_deploykit.bundle.locks.making import Making, how_to_make
from django_deploykit.bundle.locks.tools import Tool, tool_words
from django_deploykit.init.chain import Files

_NAME = re.compile(r"(?:^\s*|[\"'])(?:\S*/)?django[-_.]deploykit\b", re.IGNORECASE | re.MULTILINE)
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
# The tools that uv runs, by program, and their words to add a requirement and lock.
TOOLS: dict[str, tuple[Tool, tuple[str, ...]]] = {
    "poetry": (poetry.TOOL, ("add", "--lock")),
    "pdm": (pdm.TOOL, ("add", "--no-sync")),
    "pipenv": (pipenv.TOOL, ()),
}


@dataclass(frozen=True)
class Locking:
    """How to lock.

    ``files`` are texts to write first, by path. ``arguments`` are uv's, with variables that it
    needs in its ``environment``, and run in ``folder``; ``locked`` are the files that it writes.
    If another tool keeps the lock file, ``command`` is what the user runs, and ``advice`` says that
    it is missing.
    """

    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    advice: str = ""
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""


def plan_locking(
    files: Files,
    requirement: str,
    known: Callable[[], Sequence[str]],
    python: str,
    folder: str = "",
    elsewhere: str = "",
) -> Locking:
    """Return how to lock a project with ``requirement``, for ``python``, as 3.12, and newer.

    ``known`` finds the requirements of a project that nobody has written down. ``folder`` is the
    path from the project to the folder of the files. ``elsewhere`` is the path of a lock file that
    deploykit.ini names, or that is in a folder above.
    """
    if elsewhere:
        return _locked_elsewhere(files, requirement, elsewhere)
    locking = _in_folder(_planned(files, requirement, known), folder)
    if locking.arguments[:2] == ("pip", "compile"):
        return replace(locking, arguments=(*locking.arguments, "--python-version", python))
    return locking


def _locked_elsewhere(files: Files, requirement: str, lock: str) -> Locking:
    """Leave a lock file to the user that is not in the project's folder, or has a name of its own.

    A lock file next to manage.py would take its place. uv finds the lock file of a workspace.
    """
    pyproject = files("pyproject.toml") or ""
    if lock.endswith("/uv.lock") and _has_project(pyproject):
        return _uv(files, requirement, lock)
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


def _in_folder(locking: Locking, folder: str) -> Locking:
    """Return how to lock in a folder, with paths that are relative to the project."""
    if folder in ("", "."):
        return locking
    files = {f"{folder}/{path}": text for path, text in locking.files.items()}
    locked = tuple(f"{folder}/{path}" for path in locking.locked)
    return replace(locking, files=files, locked=locked, folder=folder)


def _planned(files: Files, requirement: str, known: Callable[[], Sequence[str]]) -> Locking:
    if files("uv.lock") is not None:
        return _uv(files, requirement)
    for name in _TOOLS:
        if (text := files(name)) is not None:
            return _advised(name, text, requirement)
    making = how_to_make(files)
    if making.source == "setup.py":
        return _compile(f"{requirement}\n", making.lock, "setup.py")
    if making.missing:
        found = declared(files("setup.cfg") or "") or known()
        return _compile("\n".join([*found, requirement, ""]), making.lock)
    if making.lock == "requirements.lock":
        return _compile(f"-r {making.source}\n{requirement}\n", making.lock)
    if making.lock == "requirements.txt":
        return _requirements(files, requirement)
    if making.lock == "uv.lock":
        return _uv(files, requirement)
    if making.tool in TOOLS:
        return _by_tool(making, files, requirement)
    return Locking(advice=f"add {requirement} to {making.source}, and run {making.command}")


def _by_tool(making: Making, files: Files, requirement: str) -> Locking:
    """Lock with another tool, which uv runs."""
    tool, add = TOOLS[making.tool]
    text = files(making.source) or ""
    written: dict[str, str] = {}
    words: tuple[str, ...] = ("lock",)
    if not _NAME.search(text):
        if add:
            words = (*add, requirement)
        else:
            written = {making.source: _in_pipfile(text, requirement)}
    changed = () if written else (making.source,)
    return Locking(
        written,
        tuple(tool_words(tool, *words)),
        (making.lock, *changed),
        environment=tool.environment,
    )


def _in_pipfile(text: str, requirement: str) -> str:
    """Return a Pipfile with a requirement. Pipenv itself would install it to add it."""
    value = f'{{path = "{requirement}"}}' if "/" in requirement else '"*"'
    line = f"django-deploykit = {value}\n"
    head = re.search(r"^\[packages\][^\n]*\n", text, re.MULTILINE)
    if head is None:
        return f"{text.rstrip()}\n\n[packages]\n{line}".lstrip()
    return text[: head.end()] + line + text[head.end() :]


def declared(setup_cfg: str) -> list[str]:
    """Return the requirements that a ``setup.cfg`` declares. uv does not read it by itself."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(configparser.Error):
        parser.read_string(setup_cfg)
    lines = parser.get("options", "install_requires", fallback="").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _uv(files: Files, requirement: str, lock: str = "uv.lock") -> Locking:
    if _NAME.search(files("pyproject.toml") or ""):
        if "django-deploykit" in (files(lock) or ""):
            return Locking()
        return Locking(arguments=("lock",), locked=(lock,))
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


def _compile(text: str, lock: str, *more: str) -> Locking:
    source = "requirements.in"
    options = ("-q", "--universal", "--generate-hashes")
    arguments = ("pip", "compile", *options, source, *more, "-o", lock)
    return Locking({source: text}, arguments, (lock,))


def _with(text: str, requirement: str) -> str:
    if _NAME.search(text):
        return text
    eol = "\r\n" if "\r\n" in text else "\n"
    return text + ("" if text.endswith("\n") or not text else eol) + requirement + eol
