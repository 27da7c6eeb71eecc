"""What lock file readers share: requirements, lock files, and their validation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from django_deploykit.errors import BundleError
from django_deploykit.project.toml import load_toml
from django_deploykit.runtime.base.documents import Document

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*===?\s*(?P<version>[^\s;*,]+)\s*(?:;|\Z)"
)
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_COMMIT = re.compile(r"@(?P<sha>[0-9a-f]{40})(?:[#?]|\Z)")
_LOCAL = re.compile(r"(?:file:|\.{1,2}/|(?!\w+:)[^\s@=<>]+\.(?:whl|tar\.gz|zip)\b)")


@dataclass(frozen=True)
class Requirement:
    """One locked distribution as a line of a requirements file, and where it was read."""

    text: str  # without hashes
    hashes: tuple[str, ...]
    where: str  # "requirements.txt:14"
    marker: str = ""

    @property
    def name(self) -> str:
        """The distribution's name, or the whole text if it does not start with a name."""
        match = _NAME.match(self.text)
        return match[0] if match else self.text

    @property
    def target(self) -> str:
        """The text after ``@``, or the whole text if it has none, without the marker."""
        text = self.text.partition("@")[2] if " @ " in self.text else self.text
        return re.split(r"\s;|;\s", text, maxsplit=1)[0].strip()

    @property
    def distribution(self) -> str:
        """The distribution's name. For a file or folder, it is taken from the file name."""
        if not self.local or " @ " in self.text:
            return self.name
        path = self.target.partition("#")[0].rstrip("/")
        return re.split(r"-[0-9]|\.(?:whl|tar|zip)\b", path.rpartition("/")[2], maxsplit=1)[0]

    @property
    def version(self) -> str:
        """The version that it is pinned to, or an empty string."""
        match = _PIN.match(self.text)
        return match["version"] if match else ""

    @property
    def local(self) -> bool:
        """Whether it is a file or folder of the repository."""
        return bool(_LOCAL.match(self.target))

    @property
    def outside(self) -> bool:
        """Whether it is a file or folder on this machine, outside of the repository."""
        path = re.sub(r"^file:(?://(?:localhost)?)?", "", self.target)
        return self.local and path.startswith(("/", "~", "$"))

    @property
    def vcs(self) -> bool:
        """Whether it is fetched from a version control system."""
        return "git+" in self.text or "hg+" in self.text

    @property
    def pinned(self) -> bool:
        """Whether it can only mean one content, by a version, a full commit or a local path."""
        if self.vcs:
            return bool(_COMMIT.search(self.text.partition(";")[0].strip()))
        return self.local or bool(_PIN.match(self.text)) or bool(self.hashes)

    def line(self) -> str:
        """Return the requirement as a line of a requirements file."""
        return " ".join([self.text, *(f"--hash={digest}" for digest in self.hashes)])


@dataclass(frozen=True)
class LockFile:
    """The pinned distributions of a lock file.

    ``path`` is the file's path relative to the folder that it was read from.
    """

    path: str
    requirements: tuple[Requirement, ...]
    options: tuple[str, ...] = ()  # index options for the installer, as "--index-url URL"
    left_out: tuple[str, ...] = ()  # groups and extras that the project has and nobody chose
    plugins: str = ""  # the path of the lock file of plug-ins that was added, if there is one
    added: frozenset[str] = frozenset()  # the names of the distributions that only that one has

    @property
    def hashed(self) -> tuple[Requirement, ...]:
        """The requirements with hashes."""
        return tuple(one for one in self.requirements if one.hashes)

    @property
    def bare(self) -> tuple[Requirement, ...]:
        """The requirements without hashes.

        They are full commits, folders of the repository, and what ``allow_unhashed`` accepts.
        """
        return tuple(one for one in self.requirements if not one.hashes)

    def digests(self) -> dict[str, tuple[str, ...]]:
        """Return the hashes by distribution name. The installed file matches one of them."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.requirements:
            name = normal_name(one.distribution)
            found[name] = (*found.get(name, ()), *one.hashes)
        return found

    @property
    def unhashed(self) -> bool:
        """Whether it has a requirement that only ``allow_unhashed`` accepts."""
        return any(not (one.vcs or one.local) for one in self.bare)


@dataclass(frozen=True)
class Wanted:
    """What a project takes from a lock file.

    ``top`` is the folder of the repository, which included files must not leave, and ``project``
    is the project's folder. By default, both are the folder of the lock file.
    """

    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # dependency groups, besides the default ones
    top: Path | None = None
    project: Path | None = None


@dataclass(frozen=True)
class Reader:
    """How to read one kind of lock file, and how a user creates one."""

    # Called with the folder, the file's name in it, and what the project takes from it.
    read: Callable[[Path, str, Wanted], LockFile]
    command: str  # creates the file; {name} is its path, {stem} its path without the suffix
    name: str  # what the file is usually called
    source: str = ""  # the file written by hand that the command reads
    table: str = ""  # the table of pyproject.toml that says that a project uses the tool
    pins: str = ""  # prints the pinned versions of a file that is not a requirements file
    from_project: bool = False  # whether its paths are relative to the project, not to the file
    needs_tool: bool = False  # whether reading it runs another program, which deploy_check avoids

    def hint(self, name: str = "") -> str:
        """Return the hint that says how to get a valid lock file."""
        name = name or self.name
        command = self.command.format(name=name, stem=name.rpartition(".")[0])
        return f"Lock the dependencies: {command}"


def validate_choice(
    chosen: Iterable[str], offered: Iterable[str], kind: str, name: str, how: str = ""
) -> list[str]:
    """Return the chosen groups, categories or extras as the lock file spells them.

    Raise :class:`BundleError` for one that it does not have. ``how`` says how to get a file that has.
    """
    known = {normal_name(one): one for one in offered}
    missing = [one for one in chosen if normal_name(one) not in known]
    if missing:
        has = f"; it has {', '.join(sorted(known.values()))}" if known else ""
        key = "extras" if kind == "extra" else "groups"
        hint = f"Correct `{key}` in [bundle] of deploykit.ini, or remove it. {how}".strip()
        raise BundleError(f"{name} has no {kind} {missing[0]!r}{has}", hint)
    return [known[normal_name(one)] for one in chosen]


def normal_name(name: str) -> str:
    """Return a distribution's name in the normal form in which indexes compare names.

    >>> normal_name("Zope._Interface")
    'zope-interface'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def named(rows: Iterable[Requirement], name: str) -> list[Requirement]:
    """Return requirements whose place is their name in the lock file, not a line of its export."""
    return [replace(one, where=f"{name}: {one.distribution}") for one in rows]


def iter_lock_problems(lock: LockFile, *, allow_unhashed: bool) -> Iterator[str]:
    """Yield a message for every requirement that is not locked, with its file and line."""
    if not lock.requirements:
        yield f"{lock.path} contains no requirements"
    for one in lock.requirements:
        if bad := [digest for digest in one.hashes if not is_hash(digest)]:
            yield f"{one.where}: {one.name}: {bad[0]!r} is not a hash; expected sha256: and 64 hexadecimal digits"
        elif one.vcs and not one.pinned:
            yield f"{one.where}: {one.name} is not pinned to a full commit (40 digits)"
        elif one.outside and not one.hashes:
            yield f"{one.where}: {one.text} is on this machine and not in the repository"
        elif not one.pinned:
            yield f"{one.where}: {one.text} is not pinned to one version"
        elif not (one.hashes or one.vcs or one.local or allow_unhashed):
            yield f"{one.where}: {one.text} has no hash"


def is_hash(text: str) -> bool:
    """Whether a hash is well-formed. The installer rejects algorithms that pip does not accept.

    >>> is_hash("sha256:" + "0" * 64), is_hash("sha256:" + "0" * 63), is_hash("0" * 64)
    (True, False, False)
    """
    name, _, digits = text.partition(":")
    return bool(re.fullmatch("[0-9a-fA-F]+", digits)) and len(digits) == _DIGITS.get(
        name, len(digits)
    )


def read_toml(path: Path) -> Document:
    """Return a TOML file's content. Raise :class:`BundleError` if it is not TOML."""
    try:
        return load_toml(path)
    except ValueError as error:
        raise BundleError(f"{path.name} is not TOML: {error}") from None


def text_of(path: Path) -> str:
    """Return a file's text for a cache key or a search. It is empty if the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
