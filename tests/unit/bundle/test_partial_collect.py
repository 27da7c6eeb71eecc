"""Which static files a change affects."""

from __future__ import annotations

from typing import Any

import pytest

from django_deploykit.bundle.partial_collect import Selection, merged_record, select

RECORD: dict[str, Any] = {
    "settings": "s",
    "files": {name: f"static/{name}" for name in ("a.css", "b.css", "c.css", "d.png", "e.js")},
    "references": {"a.css": ["b.css"], "b.css": ["c.css", "d.png"]},
}


@pytest.mark.parametrize(
    ("changed", "again", "present"),
    [
        ("static/e.js", "e", "e"),
        ("static/a.css", "a", "abcd"),
        ("static/d.png", "abd", "abcd"),
        ("models.py", "", ""),
    ],
)
def test_a_change_affects_all_that_refer_to_it(changed: str, again: str, present: str) -> None:
    found = select(RECORD, [changed], [""])
    assert found is not None
    assert {name[0] for name in found.again} == set(again)
    assert {name[0] for name in found.present} == set(present)


def test_files_that_the_new_text_may_refer_to_are_present() -> None:
    found = select(RECORD, ["static/e.js"], ["import '../x/b.css?y'"])
    assert found is not None
    assert set(found.present) == {"e.js", "b.css", "c.css", "d.png"}


@pytest.mark.parametrize("name", ["a.0123456789ab.css", "a.css.gz", "a.0123456789ab.css.br"])
def test_refuses_a_static_file_whose_name_is_that_of_a_result(name: str) -> None:
    record = {**RECORD, "files": {**RECORD["files"], name: f"static/{name}"}}
    assert select(record, ["static/a.css"], [""]) is None
    assert select(record, ["static/e.js"], [""])


def test_the_record_has_the_new_references() -> None:
    selection = Selection(frozenset(["b.css"]), frozenset(["b.css", "e.js"]))
    files = {name: RECORD["files"][name] for name in selection.present}
    after = {"settings": "s", "files": files, "references": {"b.css": ["e.js"]}}
    merged = merged_record(RECORD, after, selection)
    assert merged == {**RECORD, "references": {"a.css": ["b.css"], "b.css": ["e.js"]}}
    assert merged_record(RECORD, None, selection) is None
    assert merged_record(RECORD, {**after, "settings": "t"}, selection) is None
    assert merged_record(RECORD, {**after, "files": {}}, selection) is None
    more = {**files, "new.css": "static/new.css"}
    assert merged_record(RECORD, {**after, "files": more}, selection) is None
