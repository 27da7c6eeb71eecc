"""Changing a settings module without touching anything else in it."""

from __future__ import annotations

import ast

import pytest

from django_deploykit.init.source import Edit, Source, text_of, texts_of


def value_of(source: Source, place: int = 0) -> ast.expr:
    """Return the value of an assignment."""
    node = source.tree.body[place]
    assert isinstance(node, ast.Assign)
    return node.value


def added(text: str, at: int, item: str) -> str:
    """Return a text after adding an item to its list, behind the item at this place."""
    source = Source("settings.py", text)
    items = value_of(source)
    assert isinstance(items, ast.List)
    return source.edited(source.item_after(items.elts[at], item)).text


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    source = Source("settings.py", "A = 1\nDEBUG = True  # tell\n")
    assert source.edited([source.replaced(value_of(source, 1), "False")]).text == (
        "A = 1\nDEBUG = False  # tell\n"
    )


@pytest.mark.parametrize("before", ["", "\ufeff", "# naïve ☃\n", "é = 'ü'; "])
def test_places_are_right_behind_characters_of_several_bytes(before: str) -> None:
    source = Source("settings.py", f"{before}DEBUG = True\n")
    value = next(node for node in ast.walk(source.tree) if getattr(node, "value", 0) is True)
    assert isinstance(value, ast.Constant)
    assert source.edited([source.replaced(value, "x")]).text == f"{before}DEBUG = x\n"


def test_edits_at_one_place_keep_their_order_and_others_do_not_move_them() -> None:
    edits = [Edit(2, 2, "x"), Edit(0, 1, "AA"), Edit(2, 2, "y")]
    assert Source("settings.py", "ab").edited(edits).text == "AAbxy"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A = ['a']\n", "A = ['a', 'x']\n"),
        ("A = [\n    'a',\n]\n", "A = [\n    'a',\n    'x',\n]\n"),
        ("A = [\n    'a'\n]\n", "A = [\n    'a',\n    'x',\n]\n"),
        ("A = [\n    'a',  # why\n]\n", "A = [\n    'a',  # why\n    'x',\n]\n"),
        ("A = [\r\n\t'a',\r\n]\r\n", "A = [\r\n\t'a',\r\n\t'x',\r\n]\r\n"),
        ("A = ['a',\n     'b']\n", "A = ['a', 'x',\n     'b']\n"),
    ],
)
def test_an_item_gets_the_layout_of_its_neighbour(text: str, expected: str) -> None:
    assert added(text, 0, "'x'") == expected
    ast.parse(expected)


def test_lines_are_added_with_the_line_ends_of_the_file() -> None:
    source = Source("settings.py", "A = 1\r\nB = 2")
    assert (
        source.edited([source.lines_at_end("", "C = 3")]).text == "A = 1\r\nB = 2\r\n\r\nC = 3\r\n"
    )
    (first, _) = source.tree.body
    assert source.edited([source.lines_after(first, "C = 3")]).text == "A = 1\r\nC = 3\r\nB = 2"
    assert source.edited([source.lines_at_start("C = 3")]).text == "C = 3\r\nA = 1\r\nB = 2"


def test_a_place_is_a_path_and_a_line() -> None:
    source = Source("shop/settings.py", "A = 1\n\nB = 2\n")
    assert source.where(source.tree.body[1]) == "shop/settings.py:3"
    assert source.code(source.tree.body[1]) == "B = 2"


def test_only_literals_have_texts() -> None:
    parsed = [ast.parse(text, mode="eval").body for text in ("'a'", "1", "['a', 'b']", "['a', b]")]
    assert [text_of(node) for node in parsed] == ["a", None, None, None]
    assert [texts_of(node) for node in parsed] == [None, None, ["a", "b"], None]
