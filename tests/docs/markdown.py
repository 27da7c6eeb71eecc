"""Reading the documentation: fenced blocks, links, tables, and the commands of ours that it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w+-]*)\s*$")
_NOTE = re.compile(r"^<!-- (?P<text>.+?) -->$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
# Where a command of ours begins: the three commands, the settings' own, and the verbs of a bundle.
_OURS = re.compile(
    r"(?P<manage>manage\.py\s+(?:deploy_check|bundle|release)(?=\s|$))"
    r"|(?P<conf>-m\s+django_deploykit\.conf(?=\s|$))"
    r"|(?P<verb>\S+\.pyz\s+deploykit(?=\s|$))"
)
_END = {"──►", "|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>&1"}


@dataclass(frozen=True)
class Block:
    """A fenced block; ``note`` is the HTML comment right above it, ``line`` that of its fence."""

    path: Path
    line: int
    language: str
    text: str
    note: str = ""

    @property
    def where(self) -> str:
        """The place, ``docs/tutorial.md:14``."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of ours: ``kind`` is ``manage``, ``conf`` or ``verb``, ``words`` what follows it."""

    where: str
    kind: str
    words: tuple[str, ...]


def pages() -> list[Path]:
    """Return every page: the README and its like, and all below ``docs/``."""
    tops = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
    return [*tops, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found: list[Block] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    opened: re.Match[str] | None = None
    body: list[str] = []
    start, note = 0, ""
    for number, line in enumerate(lines, 1):
        if opened is not None:
            if line.strip() == opened["fence"]:
                text = "".join(f"{one[len(opened['indent']) :]}\n" for one in body)
                found.append(Block(path, start, opened["language"], text, note))
                opened, note = None, ""
            else:
                body.append(line)
        elif match := _FENCE.match(line):
            opened, body, start = match, [], number
        elif match := _NOTE.match(line.strip()):
            note = match["text"]
        elif line.strip():
            note = ""
    assert opened is None, f"{path}:{start}: this block has no end"
    return found


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page outside of blocks, with their numbers."""
    inside = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _FENCE.match(line)
        if inside:
            inside = "" if line.strip() == inside else inside
        elif match:
            inside = match["fence"]
        else:
            yield number, line


def links(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the targets of a page's links."""
    for number, line in prose(path):
        for match in _LINK.finditer(_CODE.sub("", line)):
            yield number, match["target"]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = set()
    for _, line in prose(path):
        if line.startswith("#"):
            title = line.lstrip("#").strip().replace("`", "")
            found.add(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"))
    return found


def commands(path: Path) -> Iterator[Command]:
    """Yield the commands of ours on a page, in blocks and in running text."""
    for block in blocks(path):
        for offset, line in enumerate(_logical(block.text)):
            yield from _commands(line, f"{block.where}+{offset + 1}")
    for number, line in prose(path):
        for match in _CODE.finditer(line):
            yield from _commands(match[1], f"{path.relative_to(ROOT)}:{number}")


def _logical(text: str) -> list[str]:
    return re.sub(r"\\\n\s*", " ", text).splitlines()


def _commands(line: str, where: str) -> Iterator[Command]:
    for match in _OURS.finditer(line):
        if line[: match.start()].lstrip().startswith("#"):
            continue
        kind = match.lastgroup or ""
        words = _words(line[match.end() :])
        head = match[0].split()[-1:] if kind == "manage" else []
        yield Command(where, kind, (*head, *words))


def _words(text: str) -> list[str]:
    """Return a command's words up to where the shell would end it, or a comment begins."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if word in _END:
                break
            words.append(word)
    except ValueError:  # a quote that ends behind the command
        words = text.split()
    return words


def rows(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    found: list[list[str]] = []
    inside = False
    for _, line in prose(path):
        if line.startswith("#"):
            if found:
                break
            inside = line.lstrip("#").strip().replace("`", "") == heading
        elif inside and line.startswith("|"):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found:
            break
    assert len(found) > 2, f"{path}: there is no table below {heading!r}"
    return found[2:]
