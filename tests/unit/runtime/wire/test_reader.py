"""JSON as frozen dataclasses, read strictly."""

from __future__ import annotations

import io
import json
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import FrozenSet, Optional, Tuple, get_args, get_origin, get_type_hints  # noqa: UP035 - as the runtime writes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_deploykit.runtime.wire import facts, operating, reader, releasing, reports
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.reader import (
    IgnoresUnknownKeys,
    WireError,
    deflate,
    inflate,
    iter_lines,
    parse,
    plain,
    read,
)

CALLS = [
    one
    for module in (facts, operating, releasing, reports)
    for one in vars(module).values()
    if isinstance(one, Call)
]
HUGE = st.integers(310, 4000).map(lambda digits: -(10**digits))  # no float is as large
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | HUGE | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Part:
    name: str
    size: int = 0


@dataclass(frozen=True)
class Whole:
    text: str
    number: int
    share: float = 0.0
    yes: bool = False
    maybe: Optional[str] = None  # noqa: UP045
    parts: Tuple[Part, ...] = ()  # noqa: UP006
    names: FrozenSet[str] = frozenset()  # noqa: UP006
    pair: Tuple[float, bool] = (0.0, False)  # noqa: UP006
    by_name: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Foreign(IgnoresUnknownKeys):
    text: str


def problem(data: object, cls: type = Whole) -> str:
    with pytest.raises(WireError) as caught:
        read(cls, data, "whole")
    return caught.value.message


def whole(**changes: object) -> dict[str, object]:
    return {"text": "a", "number": 1, **changes}


def test_reads_back_what_it_wrote() -> None:
    made = Whole(
        "a", -1, 0.5, True, "b", (Part("x", 3), Part("y")), frozenset("ab"), (1.5, True), {"k": 1}
    )
    assert parse(Whole, json.dumps(plain(made)), "whole") == made


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": 1}, "whole.text must be a string"),
        ({"text": None}, "whole.text must be a string"),
        ({"number": "1"}, "whole.number must be an integer"),
        ({"number": 1.5}, "whole.number must be an integer"),
        ({"number": True}, "whole.number must be an integer"),
        ({"number": 1 << 70}, "whole.number is too large a number"),
        ({"number": 10**400}, "whole.number is too large a number"),
        ({"share": -(10**400)}, "whole.share is too large a number"),
        ({"share": float("inf")}, "whole.share is too large a number"),
        ({"share": "1"}, "whole.share must be a number"),
        ({"share": float("nan")}, "whole.share is too large a number"),
        ({"yes": 1}, "whole.yes must be true or false"),
        ({"maybe": []}, "whole.maybe must be a string"),
        ({"parts": {}}, "whole.parts must be a list"),
        ({"parts": [{"name": "x"}, 7]}, "whole.parts[1] must be an object"),
        ({"parts": [{"name": "x", "size": "y"}]}, "whole.parts[0].size must be an integer"),
        ({"parts": [{}]}, "whole.parts[0].name is missing"),
        ({"names": [1]}, "whole.names[0] must be a string"),
        ({"pair": [1.0]}, "whole.pair must be a list of 2 items"),
        ({"pair": [1.0, 2]}, "whole.pair[1] must be true or false"),
        ({"by_name": {"k": "v"}}, "whole.by_name['k'] must be an integer"),
        ({"by_name": []}, "whole.by_name must be an object"),
        ({"other": 1}, "whole has an unknown key: 'other'"),
        ({"\x1b[2J": 1}, "whole has an unknown key: '\\x1b[2J'"),
    ],
)
def test_says_where_data_does_not_fit(changes: dict[str, object], message: str) -> None:
    assert problem(whole(**changes)) == message


def test_what_is_missing_or_no_object_is_refused() -> None:
    assert problem({"text": "a"}) == "whole.number is missing"
    assert problem([]) == "whole must be an object"


def test_numbers_without_a_fraction_are_numbers_too() -> None:
    share = read(Whole, whole(share=2), "whole").share
    assert (share, type(share)) == (2.0, float)


def test_only_what_another_version_may_have_written_holds_unknown_keys() -> None:
    assert read(Foreign, {"text": "a", "later": [1]}, "foreign") == Foreign("a")
    assert problem({"later": 1}, Foreign) == "whole.text is missing"


@pytest.mark.parametrize("text", ["", "{", "nan", "[" * 100_000, b"\xff"])
def test_text_that_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(WireError, match="whole is not valid JSON"):
        parse(Whole, text, "whole")


def test_sizes_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "longer than 1048576 characters" in problem(whole(text="x" * ((1 << 20) + 1)))
    monkeypatch.setattr(reader, "ITEM_LIMIT", 2)
    assert problem(whole(names=["a", "b", "c"])) == "whole.names has more than 2 items"
    assert "more than 2 items" in problem(whole(by_name={"a": 1, "b": 2, "c": 3}))
    monkeypatch.setattr(reader, "LINE_LIMIT", 10)
    with pytest.raises(WireError, match="longer than 10 bytes"):
        parse(Whole, "x" * 11, "whole")


def test_lines_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LINE_LIMIT", 10)
    assert list(iter_lines(io.BytesIO(b"one\n123456789\nlast").readline)) == [
        b"one\n",
        b"123456789\n",
        b"last",
    ]
    with pytest.raises(WireError, match="a line is longer than 10 bytes"):
        list(iter_lines(io.BytesIO(b"12345678901\n").readline))


def test_compressed_text_has_a_bound() -> None:
    assert inflate(deflate(b"list"), 4, "list") == b"list"
    with pytest.raises(WireError, match="list is longer than 3 bytes"):
        inflate(deflate(b"list"), 3, "list")
    with pytest.raises(WireError, match="list is longer than 1000 bytes"):
        inflate(deflate(bytes(50 << 20)), 1000, "list")


@pytest.mark.parametrize(
    "text",
    ["", "!", "é", b64encode(b"no").decode(), b64encode(zlib.compress(b"list")[:-5]).decode()],
)
def test_compressed_text_that_is_damaged_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="list is damaged"):
        inflate(text, 100, "list")


def values(kind: type) -> st.SearchStrategy[object]:
    """Return what a dataclass of the wire may be."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{one.name: _any(hints[one.name]) for one in fields(kind)})


def _any(kind: object) -> st.SearchStrategy[object]:
    if isinstance(kind, type) and is_dataclass(kind):
        return values(kind)
    arguments, origin = get_args(kind), get_origin(kind)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(_any(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_any, arguments))
    if origin is frozenset:
        return st.frozensets(_any(arguments[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(st.text(), _any(arguments[1]), max_size=3)
    if arguments:  # Optional
        return st.none() | _any(arguments[0])
    if kind is int:
        return st.integers(-(1 << 63), 1 << 63)
    if kind is float:
        return st.floats(-1e18, 1e18)
    return st.booleans() if kind is bool else st.text()


def trees(kind: type) -> st.SearchStrategy[object]:
    """Return JSON that may have a dataclass's names, and anything."""
    keys = st.sampled_from([one.name for one in fields(kind)]) | st.text(max_size=3)
    return st.dictionaries(keys, JSON, max_size=4) | JSON


# Made once: each strategy that is made in a test is analysed again for each example.
VALUES = {call.name: values(call.answer) for call in CALLS}
TREES = {call.name: trees(call.answer) for call in CALLS}


@settings(max_examples=100, deadline=None)
@given(call=st.sampled_from(CALLS), data=st.data())
def test_every_answer_reads_back_equal(call: Call[object], data: st.DataObject) -> None:
    made = data.draw(VALUES[call.name])
    assert parse(call.answer, json.dumps(plain(made)), call.name) == made


@settings(max_examples=200, deadline=None)
@given(call=st.sampled_from(CALLS), data=st.data())
def test_anything_else_is_refused_with_one_error(call: Call[object], data: st.DataObject) -> None:
    tree = data.draw(TREES[call.name])
    try:
        found = read(call.answer, tree, call.name)
    except WireError:
        return
    assert isinstance(found, call.answer)


def test_hypothesis_sees_every_verb_that_answers() -> None:
    assert {one.name for one in CALLS} >= {"facts", "hold", "stage", "check", "status", "setup"}
    assert releasing.SwitchResult in {one.answer for one in CALLS}
