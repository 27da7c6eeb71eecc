"""The source of a settings module, and changes to it that keep everything else as it is (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property


@dataclass(frozen=True)
class Edit:
    """Replace the characters from ``start`` to ``end`` with ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Source:
    """A Python file: its path below the project and its text, with the line ends of the file.

    Raise :class:`SyntaxError` for a text that is not Python as soon as its tree is used.
    """

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree. A byte order mark at the start is skipped."""
        return ast.parse(self.text.removeprefix("\ufeff"))

    @cached_property
    def _starts(self) -> list[int]:
        """The index of each line's first character, as :mod:`ast` counts lines."""
        first = len(self.text) - len(self.text.removeprefix("\ufeff"))
        ends = re.finditer(r"\r\n|\r|\n", self.text)
        return [first, *(match.end() for match in ends)]

    @property
    def eol(self) -> str:
        """The line end of the file."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def index(self, line: int, column: int) -> int:
        """Return the index of a place. ``column`` counts bytes in UTF-8, as :mod:`ast` does."""
        start = self._starts[line - 1]
        rest = self.text[start : start + column]  # at least as many characters as bytes
        return start + len(rest.encode()[:column].decode())

    def start_of(self, node: ast.expr | ast.stmt) -> int:
        """Return the index of a node's first character."""
        return self.index(node.lineno, node.col_offset)

    def end_of(self, node: ast.expr | ast.stmt) -> int:
        """Return the index behind a node's last character."""
        return self.index(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def code(self, node: ast.expr | ast.stmt) -> str:
        """Return a node's text as it is in the file."""
        return self.text[self.start_of(node) : self.end_of(node)]

    def line_start(self, line: int) -> int:
        """Return the index of a line, or the end of the text for the line behind the last one."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def where(self, node: ast.stmt | ast.expr) -> str:
        """Return a node's place as ``path:line``."""
        return f"{self.path}:{node.lineno}"

    def replaced(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """Return the edit that replaces a node."""
        return Edit(self.start_of(node), self.end_of(node), text)

    def lines_after(self, node: ast.stmt, *lines: str) -> Edit:
        """Return the edit that adds lines behind the last line of a statement."""
        at = self.line_start((node.end_lineno or node.lineno) + 1)
        return self._lines(at, lines)

    def lines_at_end(self, *lines: str) -> Edit:
        """Return the edit that adds lines at the end of the file."""
        return self._lines(len(self.text), lines)

    def lines_at_start(self, *lines: str) -> Edit:
        """Return the edit that adds lines in front of the file's first line."""
        return self._lines(self._starts[0], lines)

    def _lines(self, at: int, lines: Iterable[str]) -> Edit:
        before = self.text[:at]
        missing = self.eol if before and not before.endswith(("\n", "\r")) else ""
        return Edit(at, at, missing + "".join(line + self.eol for line in lines))

    def item_after(self, item: ast.expr, text: str) -> Iterator[Edit]:
        """Yield the edits that add an item to a list behind one of its items.

        If the items are on lines of their own, the new one gets a line of its own too. Comments
        stay with the items that they belong to.
        """
        end = self.end_of(item)
        rest = re.match(r"[ \t]*(,?)[ \t]*(?:#[^\r\n]*)?(\r\n|\r|\n)", self.text[end:])
        start = self.line_start(item.lineno)
        indent = self.text[start : self.start_of(item)]
        if rest is None or indent.strip():
            yield Edit(end, end, f", {text}")
            return
        if not rest[1]:
            yield Edit(end, end, ",")
        at = end + rest.end()
        yield Edit(at, at, f"{indent}{text},{rest[2]}")

    def edited(self, edits: Iterable[Edit]) -> Source:
        """Return the source after the edits, which do not overlap.

        Edits at the same place keep their order.
        """
        text = self.text
        ordered = sorted(enumerate(edits), key=lambda pair: (pair[1].start, pair[0]))
        for _, edit in reversed(ordered):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return replace(self, text=text)


def text_of(node: ast.AST | None) -> str | None:
    """Return the value of a string literal, or None for any other node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def texts_of(node: ast.AST | None) -> list[str] | None:
    """Return the values of a list or tuple of string literals, or None for any other node."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return None
    values = [text_of(item) for item in node.elts]
    return None if None in values else [value for value in values if value is not None]
