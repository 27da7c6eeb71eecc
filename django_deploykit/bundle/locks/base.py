"""The lock: which distributions a bundle holds, read from the project's lock file and judged (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django_deploykit.errors import Problems

# Lock files by the order in which they are looked for.
CANDIDATES = (
    "uv.lock",
    "pylock.toml",
    "requirements.lock",
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*===?\s*(?P<version>[^\s;*,]+)\s*(?:;|\Z)"
)
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
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_COMMIT = re.compile(r"@(?P<sha>[0-9a-f]{40})(?:[#?]|\Z)")
_LOCAL = re.compile(r"(?:file:|\.{1,2}/|(?!\w+:)[^\s@=<>]+\.(?:whl|tar\.gz|zip)\b)")
_FRAGMENT = re.compile(r"#(?:[^\s;]*&)?(sha256)=([0-9a-f]{64})[^\s;]*")


@dataclass(frozen=True)
class Requirement:
    """A line of a requirements file, joined: what is asked for and where it stands."""

    text: str  # without hashes
    hashes: tuple[str, ...]
    where: str  # "requirements.txt:14"
    marker: str = ""

    @property
    def name(self) -> str:
        """The distribution's name as far as the line tells it."""
        match = _NAME.match(self.text)
        return match[0] if match else self.text

    @property
    def target(self) -> str:
        """What stands behind the ``@``, or all of it, without the marker."""
        text = self.text.partition("@")[2] if " @ " in self.text else self.text
        return re.split(r"\s;|;\s", text, maxsplit=1)[0].strip()

    @property
    def distribution(self) -> str:
        """The distribution's name; for a file or folder what its name says."""
        if not self.local or " @ " in self.text:
            return self.name
        path = self.target.partition("#")[0].rstrip("/")
        return re.split(r"-[0-9]|\.(?:whl|tar|zip)\b", path.rpartition("/")[2], maxsplit=1)[0]

    @property
    def local(self) -> bool:
        """Whether it is a file or folder of the repository."""
        return bool(_LOCAL.match(self.target))

    @property
    def outside(self) -> bool:
        """Whether it is a file or folder of this machine, which no other clone has."""
        path = re.sub(r"^file:(?://(?:localhost)?)?", "", self.target)
        return self.local and path.startswith(("/", "~", "$"))

    @property
    def vcs(self) -> bool:
        """Whether it is fetched from a version control system."""
        return "git+" in self.text or "hg+" in self.text

    @property
    def pinned(self) -> bool:
        """Whether it can only ever mean one content: a version, a full commit, or a local path."""
        if self.vcs:
            return bool(_COMMIT.search(self.text.partition(";")[0].strip()))
        return self.local or bool(_PIN.match(self.text)) or bool(self.hashes)

    def line(self) -> str:
        """Return the requirement as a requirements file holds it."""
        return " ".join([self.text, *(f"--hash={digest}" for digest in self.hashes)])


@dataclass(frozen=True)
class Lock:
    """What a lock file asks for; ``hashed`` go in with their hashes, ``bare`` without."""

    path: str
    requirements: tuple[Requirement, ...]
    options: tuple[str, ...] = ()  # indexes that the file names

    @property
    def hashed(self) -> tuple[Requirement, ...]:
        """Those that are held to hashes."""
        return tuple(one for one in self.requirements if one.hashes)

    @property
    def bare(self) -> tuple[Requirement, ...]:
        """Those without hashes: full commits, folders of the repository, and what was allowed."""
        return tuple(one for one in self.requirements if not one.hashes)

    def digests(self) -> dict[str, tuple[str, ...]]:
        """Return the hashes by the distribution's name: one of a name's is what was installed."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.requirements:
            name = normal_name(one.distribution)
            found[name] = (*found.get(name, ()), *one.hashes)
        return found

    @property
    def unhashed(self) -> bool:
        """Whether something came through only because it was allowed."""
        return any(not (one.vcs or one.local) for one in self.bare)


@dataclass(frozen=True)
class Parsed:
    """A requirements file: its requirements, the files that it includes, the indexes that it names."""

    requirements: list[Requirement]
    included: list[str]
    options: list[str]


def parse_requirements(text: str, name: str) -> Parsed:
    """Return what a requirements file says; :class:`Problems` for lines that no lock can hold."""
    found: list[Requirement] = []
    included: list[str] = []
    options: list[str] = []
    problems: list[str] = []
    for number, line in _joined(text):
        where = f"{name}:{number}"
        if line.startswith(("-r ", "--requirement ", "--requirement=", "-r=")):
            included.append(re.split(r"[\s=]+", line, maxsplit=1)[1])
        elif line.startswith(("-e", "--editable")):
            problems.append(
                f"{where}: {line.split()[0]} cannot be bundled: an editable install is no fixed content"
            )
        elif line.startswith(_INDEXES):
            options.append(line)
        elif not line.startswith("-"):
            found.append(_requirement(line, where))
    if problems:
        raise Problems(
            f"{name} cannot be bundled:",
            problems,
            "Lock the project without editable requirements.",
        )
    return Parsed(found, included, options)


def normal_name(name: str) -> str:
    """Return a distribution's name as indexes compare it.

    >>> normal_name("Zope._Interface")
    'zope-interface'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield the logical lines with the number of their first line, comments taken off."""
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if not pending:
            first = number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        pending += line
        if pending.strip():
            yield first, pending.strip()
        pending = ""
    if pending.strip():
        yield first, pending.strip()


def _requirement(line: str, where: str) -> Requirement:
    hashes = tuple(re.findall(r"--hash[=\s]+(\S+)", line))
    text = re.sub(r"\s*--hash[=\s]+\S+", "", line).strip()
    in_url = _FRAGMENT.search(text)
    if in_url and "git+" not in text:
        text = text.replace(in_url[0], "")
        hashes = (*hashes, f"{in_url[1]}:{in_url[2]}")
    return Requirement(text, hashes, where)


def judge(lock: Lock, *, allow_unhashed: bool) -> None:
    """Refuse what is not locked, everything at once, with the command that would lock it."""
    problems = list(_problems(lock.requirements, allow_unhashed=allow_unhashed))
    if not lock.requirements:
        problems = [f"{lock.path} asks for nothing"]
    if problems:
        raise Problems(f"{lock.path} is not a lock:", problems, hint_for(lock.path))


def _problems(requirements: Iterable[Requirement], *, allow_unhashed: bool) -> Iterator[str]:
    for one in requirements:
        if bad := [digest for digest in one.hashes if not is_hash(digest)]:
            yield f"{one.where}: {one.name}: {bad[0]!r} is no hash; expected sha256: and 64 hexadecimal digits"
        elif one.vcs and not one.pinned:
            yield f"{one.where}: {one.name} is not pinned to a full commit (40 digits)"
        elif one.outside and not one.hashes:
            yield f"{one.where}: {one.text} is on this machine and not in the repository"
        elif not one.pinned:
            yield f"{one.where}: {one.text} is not pinned to one version"
        elif not (one.hashes or one.vcs or one.local or allow_unhashed):
            yield f"{one.where}: {one.text} has no hash"


def is_hash(text: str) -> bool:
    """Whether a hash can be one; algorithms that pip does not take are left to the installer.

    >>> is_hash("sha256:" + "0" * 64), is_hash("sha256:" + "0" * 63), is_hash("0" * 64)
    (True, False, False)
    """
    name, _, digits = text.partition(":")
    return bool(re.fullmatch("[0-9a-fA-F]+", digits)) and len(digits) == _DIGITS.get(
        name, len(digits)
    )


def hint_for(path: str) -> str:
    """Return the command that makes a lock of this file."""
    if path.endswith("uv.lock"):
        return "Lock it: uv lock"
    if path.endswith("pylock.toml"):
        return "Lock it: uv export --format pylock.toml -o pylock.toml, or pip lock"
    if path.endswith((".txt", ".lock")):
        source = path.rpartition(".")[0] + ".in"
        return (
            f"Lock it with hashes, from what you wrote by hand: "
            f"uv pip compile --universal --generate-hashes {source} -o {path}\n"
            "Or set `allow_unhashed = yes` in [bundle] of deploykit.ini to let pinned versions through."
        )
    return "Lock it: uv lock"


def missing_lock(names: Sequence[str]) -> str:
    """Return what to do where there is no lock file at all."""
    if "pyproject.toml" in names:
        return "Lock the project's dependencies: uv lock"
    if "requirements.in" in names:
        return "Lock them: uv pip compile --universal --generate-hashes requirements.in -o requirements.txt"
    return (
        "Write what the project needs to requirements.in, one name a line, then: "
        "uv pip compile --universal --generate-hashes requirements.in -o requirements.txt"
    )
