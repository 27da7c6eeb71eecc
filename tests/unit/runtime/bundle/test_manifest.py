"""The manifest, tree digests, and what a layer's list may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.names import valid_app, valid_digest, valid_release_id
from django_deploykit.runtime.bundle.manifest import (
    FileEntry,
    Manifest,
    ManifestError,
    dump_list,
    load_list,
    tree_digest,
    validate_entries,
)
from tests.bundles import Tree, make_layer, make_manifest

TREE: Tree = {"app/manage.py": b"print()", "bin/tool": (b"#!/bin/sh\n", 0o755)}
H = "0" * 64


def data() -> Document:
    """Return a valid manifest as JSON data."""
    value: Document = json.loads(
        make_manifest((make_layer("app", "app", "", TREE),), tag="v1", notes=("a",)).dumps()
    )
    return value


def loads(**changes: object) -> Manifest:
    return Manifest.loads(json.dumps({**data(), **changes}))


def test_reads_what_it_wrote() -> None:
    manifest = make_manifest((make_layer("app", "app", "", TREE),), required=("[django] x",))
    assert Manifest.loads(manifest.dumps()) == manifest


def test_writes_the_same_bytes_for_the_same_content() -> None:
    text = make_manifest(()).dumps()
    assert Manifest.loads(text).dumps() == text
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_leaves_out_keys_that_a_later_version_added() -> None:
    assert loads(colour="red") == loads()


def test_counts_the_bytes_of_all_layers() -> None:
    layer = make_layer("app", "app", "", TREE)
    assert make_manifest((layer, layer)).size == 2 * layer.size == 2 * (7 + 10)


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(ManifestError, match="not JSON"):
        Manifest.loads(text)


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null"])
def test_refuses_json_that_is_no_object(text: str) -> None:
    with pytest.raises(ManifestError, match="not a JSON object"):
        Manifest.loads(text)


@pytest.mark.parametrize("number", [0, 2, "1", None, [1]])
def test_refuses_an_unknown_format_and_says_which_it_reads(number: object) -> None:
    with pytest.raises(ManifestError, match="reads format 1") as caught:
        loads(format=number)
    assert repr(number) in caught.value.message
    assert "django-deploykit" in caught.value.hint


def test_reports_all_problems_together() -> None:
    with pytest.raises(ManifestError) as caught:
        loads(project="Shop!", commit_time="now", release_id="../x", tag=3, notes=[1])
    for word in ("project", "commit_time", "release_id", "tag", "notes"):
        assert word in caught.value.message


@pytest.mark.parametrize("key", ["project", "release_id", "commit", "python", "platform", "tree"])
def test_refuses_a_manifest_without_a_required_key(key: str) -> None:
    broken = data()
    del broken[key]
    with pytest.raises(ManifestError, match=key):
        Manifest.loads(json.dumps(broken))


@pytest.mark.parametrize(
    "layer",
    [
        {},
        None,
        {"kind": "app"},
        {"kind": "app", "name": "a", "version": "", "sha256": H, "size": "1", "files": 1},
        {"kind": "app", "name": "a", "version": "", "sha256": H[1:], "size": 1, "files": 1},
        {"kind": "app", "name": "a", "version": "", "sha256": "../" + H[3:], "size": 1, "files": 1},
        {"kind": "root", "name": "a", "version": "", "sha256": H, "size": 1, "files": 1},
        {"kind": "app", "name": "a", "version": "", "sha256": H, "size": 1, "files": 1, "x": 1},
    ],
)
def test_refuses_a_layer_that_is_not_one(layer: object) -> None:
    with pytest.raises(ManifestError, match=r"layers\[0\]"):
        loads(layers=[layer])


@pytest.mark.parametrize("value", [None, {}, "web", [["web", "x"]], [{"name": "web"}]])
def test_refuses_processes_that_are_none(value: object) -> None:
    with pytest.raises(ManifestError, match="processes"):
        loads(processes=value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20261123",
        "20261123T041500-",
        "20261123T041500-ab12cd",
        "20261123T041500-AB12CD3",
        "../20261123T041500-ab12cd3",
        "20261123T041500-ab12cd3\n",
        "20261123T041500-ab12cd3/..",
        "-20261123T041500-ab12cd3",
        "20261123T041500-ab12cd3;id",
        "20261123T041500-" + "a" * 41,
    ],
)
def test_no_hostile_text_names_a_release(text: str) -> None:
    assert not valid_release_id(text)


def test_a_release_id_is_a_time_and_a_hash() -> None:
    assert valid_release_id("20261123T041500-ab12cd3")
    assert valid_release_id("20261123T041500-" + "a" * 40)


@pytest.mark.parametrize(
    "text", ["", "Shop", "1shop", "-shop", "shop\n", "sh op", "a" * 32, "a/b", "a;b", "shöp"]
)
def test_no_hostile_text_names_a_project(text: str) -> None:
    assert not valid_app(text)


def test_a_project_is_named_by_letters_digits_and_dashes() -> None:
    assert valid_app("my-shop2")
    assert valid_app("a" * 31)


def test_a_digest_is_64_lower_case_hexadecimal_digits() -> None:
    assert valid_digest("0af" + H[3:])
    for text in ("", H[1:], H + "0", H[:-1] + "A", H + "\n", H[:-1] + "/"):
        assert not valid_digest(text)


def test_a_tree_is_the_same_in_any_order_and_differs_in_any_part() -> None:
    one, two = FileEntry("app/a", 0o644, 1, H), FileEntry("app/b", 0o755, 2, H)
    digest = tree_digest([one, two])
    assert tree_digest([two, one]) == digest
    changes: tuple[dict[str, Any], ...] = (
        {"path": "app/c"},
        {"mode": 0o755},
        {"size": 2},
        {"sha256": "1" + H[1:]},
    )
    others = {tree_digest([one._replace(**change), two]) for change in changes}
    assert len(others | {digest, tree_digest([one]), tree_digest([])}) == 7


def test_framing_keeps_a_boundary_from_moving() -> None:
    first = [FileEntry("app/a", 0o644, 11, H)]
    assert tree_digest(first) != tree_digest([FileEntry("app/a644", 0o644, 1, H)])


def test_a_list_is_read_as_it_was_written() -> None:
    entries = [FileEntry("app/b", 0o755, 2, H), FileEntry("app/a", 0o644, 1, H)]
    assert load_list(dump_list(entries), tree_digest(entries)) == sorted(entries)


def test_a_list_is_held_to_its_digest() -> None:
    entries = [FileEntry("app/b", 0o755, 2, H)]
    with pytest.raises(ManifestError, match="does not match its digest"):
        load_list(dump_list(entries), "1" * 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        "[1]",
        "[[1]]",
        '[["a", 1, 1, "x", 2]]',
        '[["a", "x", 1, "x"]]',
        '[["a", 1e400, 1, "x"]]',
        "[" * 100_000,
        '[["app/\\ud800", 420, 1, "' + H + '"]]',
    ],
)
def test_refuses_a_damaged_list(text: str) -> None:
    with pytest.raises(ManifestError, match="damaged"):
        load_list(text, H)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "app/../../x",
        "app/..",
        "app//x",
        "app/./x",
        "app/",
        "app\\..\\x",
        "app/a\nb",
        "app/\x00",
        "app/\x7f",
        "manifest.json",
        "pyvenv.cfg",
        "bin",
        "Pyvenv.cfg",
        "lib64/x",
        "~/x",
        "C:/x",
        "manifest.json/x",
        "pyvenv.cfg/x",
        "bin/python/x",
        "app/\x9b2J",
        "app/a\u202egnp.py",
        "app/\u2028",
        "app/\u2066x",
        "app/" + "x" * 256,
        "app/" + "ä" * 128,
        "app" + "/x" * 2000,
        "app/x/" * 150 + "x",
        "x/" * 100 + "x",
        "app/" + "/".join(["x" * 200] * 6),
    ],
)
def test_refuses_a_path_that_leaves_the_release_or_replaces_a_part_of_it(path: str) -> None:
    with pytest.raises(ManifestError, match="is not allowed"):
        validate_entries([FileEntry(path, 0o644, 0, H)], H)


@pytest.mark.parametrize("mode", [0, 0o600, 0o777, 0o4755, 0o2755, 0o120777, 0o100644, -1])
def test_refuses_modes_other_than_two(mode: int) -> None:
    with pytest.raises(ManifestError, match="is not allowed"):
        validate_entries([FileEntry("app/x", mode, 0, H)], H)


def test_refuses_doubles_negative_sizes_and_bad_digests() -> None:
    good = FileEntry("app/x", 0o644, 0, H)
    bad_size, bad_digest = FileEntry("app/y", 0o644, -1, H), FileEntry("app/y", 0o644, 1, "x")
    for entries in ([good, good], [bad_size], [bad_digest]):
        with pytest.raises(ManifestError, match="is not allowed"):
            validate_entries(entries, H)


def test_refuses_a_path_that_is_a_file_and_a_folder() -> None:
    entries = [FileEntry("app/x/y", 0o644, 0, H), FileEntry("app/x", 0o644, 0, H)]
    for order in (entries, entries[::-1]):
        with pytest.raises(ManifestError, match="is not allowed"):
            validate_entries(order, H)


@pytest.mark.parametrize("path", ["bin/python", "bin/python3", "bin/python3.11", "bin/activate"])
def test_refuses_what_a_release_makes_itself(path: str) -> None:
    with pytest.raises(ManifestError, match="is not allowed"):
        validate_entries([FileEntry(path, 0o755, 0, H)], H)


def test_accepts_the_folders_of_a_virtualenv() -> None:
    for top in ("app", "bin", "etc", "etcetera", "include", "lib", "man", "share", "src"):
        validate_entries([FileEntry(f"{top}/x y", 0o755, 0, H)], H)
    validate_entries([FileEntry("lib/python3.11/site-packages/ä.py", 0o644, 0, H)], H)
    validate_entries([FileEntry("LICENSE", 0o644, 0, H)], H)  # a data file of a distribution
    for name in ("x" * 255, "ä" * 127, "x/" * 98 + "x"):
        validate_entries([FileEntry(f"app/{name}", 0o644, 0, H)], H)
