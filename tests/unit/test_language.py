"""What people read in the code is plain English: the words that CONTRIBUTING.md rules out stay out."""

from __future__ import annotations

import ast
import functools
import io
import os
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import django_deploykit

PACKAGE = Path(django_deploykit.__file__).parent
# In strings (messages, help, docstrings) and comments.
PHRASES = re.compile(
    r"\b(stands? in|stand-ins?|lies|tells|mend(s|ed|ing)?|judge(s|d|ment|ments)?|who(m)?ever"
    r"|is told|alone|takes a while|in words|as it is written|what it ends with"
    r"|(for|to|from|by|lets|let) who)\b",
    re.IGNORECASE,
)
NAMES = re.compile(r"(^|_)(judge|mend|tell|told|stand_in)(s|d|_|$)", re.IGNORECASE)
# How many are left in each room. They may only become fewer; a row goes when its room has none.
LEFT: dict[str, int] = {
    "bundle/formats": 1,
    "runtime/bundle": 1,
    "runtime/supervisors": 6,
}


def room(path: Path) -> str:
    """Return the room of a module: its package."""
    return path.parent.relative_to(PACKAGE).as_posix()


def strings(tree: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string."""
    for node in tree:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names(tree: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything that is defined."""
    for node in tree:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def ruled_out(source: str) -> list[tuple[int, str]]:
    """Return line and word of each phrase or name that is ruled out."""
    tree = list(ast.walk(ast.parse(source)))
    texts = [*strings(tree), *(comments(source) if PHRASES.search(source) else ())]
    found = [
        (line + text[: match.start()].count("\n"), match[0])
        for line, text in texts
        for match in PHRASES.finditer(text)
    ]
    return sorted([*found, *(one for one in names(tree) if NAMES.search(one[1]))])


@functools.cache
def places() -> list[tuple[str, str]]:
    """Return room and place of each phrase that is ruled out."""
    return [
        (room(path), f"{path.relative_to(PACKAGE)}:{line}: {word}")
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, word in ruled_out(path.read_text(encoding="utf-8"))
    ]


def test_no_room_has_more_of_what_is_ruled_out() -> None:
    counts = Counter(room for room, _ in places())
    more = {room for room, count in counts.items() if count > LEFT.get(room, 0)}
    assert [place for room, place in places() if room in more] == []


@pytest.mark.skipif(not os.environ.get("CI"), reason="rows are brought up to date before a merge")
def test_the_table_says_how_many_are_left() -> None:
    assert dict(Counter(room for room, _ in places())) == LEFT


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"""Tell whoever asks."""\n', ["whoever"]),
        ("x = f'{1} lies there'  # mended\n", ["lies", "mended"]),
        ('"""One.\n\nIt stands in for two."""', ["stands in"]),
        ("def judge_all(told):\n    mend = 1\n", ["judge_all", "told", "mend"]),
        (
            '"""Families believe in a recommended standalone judgement-free remedy."""',
            ["judgement"],
        ),
        ("untold = intelligent = 1", []),
    ],
)
def test_phrases_and_names_are_found(source: str, words: list[str]) -> None:
    assert [word for _, word in ruled_out(source)] == words


def test_the_line_of_a_phrase_is_its_own() -> None:
    assert ruled_out('"""One.\n\nIt lies."""') == [(3, "lies")]
