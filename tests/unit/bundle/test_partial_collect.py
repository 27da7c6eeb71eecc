"""Which static files a change affects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from django_deploykit.bundle.partial_collect import Places, Selection, merged_record, select
from django_deploykit.bundle.project_side.project_facts import CollectionRecord

RECORD = CollectionRecord(
    settings="s",
    roots=(("", "static"), ("", "other/static"), ("lib", "vendor/lib")),
    outside=("admin/base.css",),
    files={name: f"static/{name}" for name in ("a.css", "b.css", "c.css", "d.png", "e.js")},
    references={"a.css": ("b.css",), "b.css": ("c.css", "d.png")},
)


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
    found = select(RECORD, [changed], [], [""])
    assert found is not None
    assert {name[0] for name in found.again} == set(again)
    assert {name[0] for name in found.present} == set(present)


def test_files_that_the_new_text_may_refer_to_are_present() -> None:
    found = select(RECORD, ["static/e.js"], [], ["import '../x/b.css?y'"])
    assert found is not None
    assert set(found.present) == {"e.js", "b.css", "c.css", "d.png"}


@pytest.mark.parametrize("name", ["a.0123456789ab.css", "a.css.gz", "a.0123456789ab.css.br"])
def test_refuses_a_static_file_whose_name_is_that_of_a_result(name: str) -> None:
    record = replace(RECORD, files={**RECORD.files, name: f"static/{name}"})
    assert select(record, ["static/a.css"], [], [""]) is None
    assert select(record, [f"static/{name}"], [], [""]) is None
    assert select(RECORD, [], [name], [""]) is None
    assert select(record, ["static/e.js"], [], [""])


def test_a_new_or_removed_file_affects_all_that_refer_to_its_name() -> None:
    record = replace(RECORD, references={**RECORD.references, "e.js": ("new.js",)})
    found = select(record, [], ["new.js", "c.css"], ["url(d.png) base.css"])
    assert found is not None
    assert set(found.again) == {"new.js", "e.js", "a.css", "b.css", "c.css"}
    assert set(found.present) == {*found.again, "d.png", "admin/base.css"}
    assert set(found.moved) == {"new.js", "c.css"}


def test_finds_names_and_sources_by_where_the_finders_look() -> None:
    roots = (("", "static"), ("lib", "vendor/lib"), ("", "static/a"), ("all", "."))
    places = Places(replace(RECORD, roots=roots))
    assert places.names("static/a/b.css") == ["b.css", "a/b.css", "all/static/a/b.css"]
    assert places.names("vendor/lib/x.js") == ["lib/x.js", "all/vendor/lib/x.js"]
    assert places.names("staticc/x.js") == ["all/staticc/x.js"]
    assert [*places.sources("lib/x.js")] == [
        "static/lib/x.js",
        "vendor/lib/x.js",
        "static/a/lib/x.js",
    ]
    assert [*places.sources("all/x.js")][-1] == "x.js"


COMMITTED = {*RECORD.files.values(), "other/static/e.js", "static/new.css"}


def merge_records(after: CollectionRecord, *again: str, moved: str = "") -> CollectionRecord | None:
    selection = Selection(frozenset(again), frozenset(), frozenset(moved.split()))
    return merged_record(RECORD, after, selection, COMMITTED)


def after(*names: str, **more: Any) -> CollectionRecord:
    files = {name: f"static/{name}" for name in names}
    return replace(RECORD, **{"files": files, "references": {}, **more})


def test_the_record_has_the_new_references() -> None:
    found = after("b.css", "e.js", references={"b.css": ("e.js",)})
    merged = merge_records(found, "b.css")
    assert merged == replace(RECORD, references={"a.css": ("b.css",), "b.css": ("e.js",)})
    assert merge_records(replace(found, settings="t"), "b.css") is None
    assert merge_records(replace(found, roots=()), "b.css") is None
    assert merge_records(replace(found, files={}), "b.css") is None
    assert merge_records(replace(found, outside=("more.css",)), "b.css") is None
    assert merge_records(after("b.css", "new.css"), "b.css") is None


def test_the_record_has_added_and_removed_files() -> None:
    added = merge_records(after("new.css"), "new.css", moved="new.css")
    assert added is not None
    assert added.files == {**RECORD.files, "new.css": "static/new.css"}
    removed = merge_records(after(), "e.js", moved="e.js")
    assert removed is not None
    assert "e.js" not in removed.files
    other = merge_records(after(files={"e.js": "other/static/e.js"}), "e.js", moved="e.js")
    assert other is not None
    assert other.files["e.js"] == "other/static/e.js"
    package = merge_records(after(outside=("admin/base.css", "e.js")), "e.js", moved="e.js")
    assert package is not None
    assert "e.js" not in package.files
    assert package.outside == ("admin/base.css", "e.js")
    assert merge_records(after(files={"x.js": "made/x.js"}), "x.js", moved="x.js") is None


def test_refuses_a_reference_to_another_file_of_the_same_name() -> None:
    """A file that is missing in the small export may replace one of a package."""
    found = after("b.css", outside=("admin/base.css", "d.png"), references={"b.css": ("d.png",)})
    assert merge_records(found, "b.css") is None
    assert merge_records(replace(found, references={"b.css": ("admin/base.css",)}), "b.css")
