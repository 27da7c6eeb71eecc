"""Requirements files, with the files that they include."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.locks.base import (
    LockFile,
    Reader,
    Requirement,
    Wanted,
    validate_choice,
)
from django_deploykit.errors import BundleError, Problems

_INDEXES = (
    "-i ",
    "--index-url",
    "--extra-index-url",
    "-f ",
    "--find-links",
    "--no-index",
    "--no-binary",
    "--only-binary",
)
# Options that may have a path.
_PLACE = re.compile(
    r"(?P<option>-i|-f|--index-url|--extra-index-url|--find-links)(?P<sign>\s+|=)(?P<place>\S.*)"
)
_FRAGMENT = re.compile(r"#(?:[^\s;]*&)?(sha256)=([0-9a-f]{64})[^\s;]*")


@dataclass(frozen=True)
class Parsed:
    """A requirements file: its requirements, the files that it includes, and its index options."""

    requirements: list[Requirement]
    included: list[str]
    options: list[str]


def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
    """Return a requirements file and the files that it includes as one lock file."""
    how = "A requirements file has all of its packages; [project] lock names another one."
    validate_choice(wanted.groups, (), "group", name, how)
    validate_choice(wanted.extras, (), "extra", name, how)
    options: list[str] = []
    requirements = _with_includes(folder, name, wanted.top or folder, set(), options)
    return LockFile(name, tuple(requirements), tuple(options))


READER = Reader(
    read,
    command="uv pip compile --universal --generate-hashes {stem}.in -o {name}",
    name="requirements.txt",
    source="requirements.in",
    from_project=True,  # as pip does it, which is run there
)


def _with_includes(
    folder: Path, name: str, top: Path, seen: set[str], options: list[str]
) -> list[Requirement]:
    if name in seen:
        return []
    seen.add(name)
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(top.resolve()):
        raise BundleError(f"{name} is included but not in the commit")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None
    parsed = parse_requirements(text, name)
    options += [local_option(line, os.path.dirname(name)) for line in parsed.options]
    found = parsed.requirements
    for other in parsed.included:
        inner = os.path.normpath(os.path.join(os.path.dirname(name), other))
        found += _with_includes(folder, inner, top, seen, options)
    return found


def parse_requirements(text: str, name: str) -> Parsed:
    """Parse a requirements file. Raise :class:`Problems` if it has editable requirements."""
    parsed = Parsed([], [], [])
    problems: list[str] = []
    for number, line in _joined(text):
        where = f"{name}:{number}"
        if line.startswith(("-r ", "--requirement ", "--requirement=", "-r=")):
            parsed.included.append(re.split(r"[\s=]+", line, maxsplit=1)[1])
        elif line.startswith(("-e", "--editable")):
            problems.append(
                f"{where}: {line.split()[0]} cannot be bundled: the content of an editable install is not fixed"
            )
        elif line.startswith(_INDEXES):
            parsed.options.append(line)
        elif not line.startswith("-"):
            parsed.requirements.append(_requirement(line, where))
    if problems:
        raise Problems(
            f"{name} cannot be bundled:",
            problems,
            "Lock the project without editable requirements.",
        )
    return parsed


def local_option(line: str, folder: str) -> str:
    """Return an index option of a file in ``folder``; a path in it becomes relative to the lock file.

    >>> local_option("-f ./wheels", "requirements"), local_option("-i https://x.org/simple", "a")
    ('-f requirements/wheels', '-i https://x.org/simple')
    """
    match = _PLACE.match(line)
    if match is None or re.match(r"[\w+.-]+://|[/~$]", match["place"]):
        return line
    path = match["place"].removeprefix("file:")
    return f"{match['option']}{match['sign']}{os.path.normpath(os.path.join(folder, path))}"


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield the logical lines without comments, each with the number of its first line."""
    pending, first = "", 0
    for number, raw in enumerate([*text.splitlines(), ""], 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        first = first if pending else number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        pending += line
        if pending.strip():
            yield first, pending.strip()
        pending = ""


def _requirement(line: str, where: str) -> Requirement:
    hashes = tuple(re.findall(r"--hash[=\s]+(\S+)", line))
    text = re.sub(r"\s*--hash[=\s]+\S+", "", line).strip()
    in_url = _FRAGMENT.search(text)
    if in_url and "git+" not in text:
        text = text.replace(in_url[0], "")
        hashes = (*hashes, f"{in_url[1]}:{in_url[2]}")
    return Requirement(text, hashes, where)
