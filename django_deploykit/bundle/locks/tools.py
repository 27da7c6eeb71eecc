"""Lock files that the tool which wrote them exports. uv installs the tool apart, and caches it.

The user's own installation of the tool is not used: docs/decisions/0080 says why.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.locks.base import LockFile, Wanted, named, text_of
from django_deploykit.bundle.locks.indexes import Index, index_options
from django_deploykit.bundle.locks.requirements import parse_requirements
from django_deploykit.bundle.run_uv import run_uv
from django_deploykit.bundle.scratch import scratch
from django_deploykit.errors import BundleError

_EDITABLE = re.compile(r"^\s*(?:-e|--editable)[\s=]+")
_FILE_URL = re.compile(r"(?<!\+)file://(?:localhost)?(?P<path>/[^\s;#]*)")
_EGG = re.compile(r"^(?P<url>(?:git|hg)\+[^\s;#]+)#(?:(?P<more>[^\s;#]*)&)?egg=(?P<name>[\w.-]+)")
_NOT_INSTALLED = re.compile(r"No solution found|not found in the package registry|Failed to fetch")


class ToolMissingError(BundleError):
    """uv cannot install the tool that reads a lock file, for example without a connection."""


@dataclass(frozen=True)
class Tool:
    """A program that exports its lock file, and what uv installs to run it."""

    program: str
    packages: tuple[str, ...]
    files: tuple[str, ...]  # what it reads besides the lock file, by names next to it
    environment: Mapping[str, str] = field(default_factory=dict)


def export(tool: Tool, folder: Path, name: str, arguments: Sequence[str], wanted: Wanted) -> str:
    """Return what a tool prints about the lock file ``name`` in ``folder``, from the cache if it can.

    It runs in a copy of the lock file and the files that it reads, because such tools leave files.
    Paths below the repository that it prints are relative to the lock file.
    """
    where = folder / os.path.dirname(name)
    names = [os.path.basename(name), *tool.files]
    texts = [text_of(where / one) for one in names]
    below = _below(where, wanted.top or folder)
    key = cache_key(*tool.packages, *arguments, below, *texts)
    text = cached_text("locks", key)
    if text is None:
        with scratch() as base:
            top = Path(os.path.realpath(base)) / "repository"
            copy = top / below
            copy.mkdir(parents=True)
            for one in names:
                if (where / one).is_file():
                    shutil.copyfile(where / one, copy / one)
            text = _relative(_run(tool, copy, arguments, f"reading {name}"), copy)
        keep_text("locks", key, text)
    return text


def read_export(
    text: str, name: str, indexes: Iterable[Index], left_out: Sequence[str]
) -> LockFile:
    """Return an exported requirements file as the lock file ``name``."""
    lines = [line for line in map(_plain, text.splitlines()) if line not in (".", "./")]
    rows = parse_requirements("\n".join(lines), name).requirements
    return LockFile(name, tuple(named(rows, name)), index_options(indexes), tuple(left_out))


def _below(where: Path, top: Path) -> str:
    """Return the path of the lock file's folder in the repository."""
    path = os.path.relpath(os.path.realpath(where), os.path.realpath(top))
    return "." if path.startswith("..") else path


def tool_words(tool: Tool, *arguments: str) -> list[str]:
    """Return uv's arguments that run a tool."""
    extra = [word for package in tool.packages[1:] for word in ("--with", package)]
    return ["tool", "run", "--quiet", "--from", tool.packages[0], *extra, tool.program, *arguments]


def _run(tool: Tool, folder: Path, arguments: Sequence[str], what: str) -> str:
    try:
        return run_uv(tool_words(tool, *arguments), folder, what, tool.environment)
    except BundleError as error:
        if _NOT_INSTALLED.search(error.message):
            raise ToolMissingError(
                f"{what} needs {tool.program}, which could not be installed: {error.message}",
                error.hint,
            ) from None
        raise


def _relative(text: str, folder: Path) -> str:
    """Replace the paths of the copy with paths relative to the lock file."""
    text = text.replace("${PROJECT_ROOT}", str(folder))

    def path(match: re.Match[str]) -> str:
        found = os.path.relpath(os.path.normpath(match["path"]), folder)
        return found if found.startswith("..") else f"./{found}"

    return _FILE_URL.sub(path, text)


def _plain(line: str) -> str:
    """Return a line of an export without options, and without what only pip itself needs.

    A path or a commit in the lock file is fixed by the commit, so that it need not be editable.
    """
    line = _EDITABLE.sub("", line)
    if line.startswith("-"):
        return ""  # the indexes are read from the project's file, with their names
    match = _EGG.match(line)
    if match is None:
        return line
    more = f"#{match['more']}" if match["more"] else ""
    return f"{match['name']} @ {match['url']}{more}{line[match.end() :]}"
