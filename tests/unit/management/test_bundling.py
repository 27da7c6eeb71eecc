"""What is printed about a bundle: sizes, changes since the previous one, JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.build import Built, BuiltFile
from django_deploykit.management.bundling import (
    Last,
    as_json,
    biggest,
    changed_files,
    changes,
    read_last,
    summary,
    with_lists,
)
from django_deploykit.runtime.bundle.manifest import Layer
from tests.bundles import make_layer, make_manifest, write_bundle

DJANGO = make_layer("distribution", "django", "5.2.1", {"lib/django.py": b"1"})
APP = make_layer("app", "app", "", {"app/manage.py": b"1", "app/shop/views.py": b"1"})


def test_shows_changed_versions_and_added_and_removed_layers() -> None:
    newer = replace(DJANGO, version="5.2.2", sha256="2" * 64)
    pillow = make_layer("distribution", "pillow", "11", {"lib/pil.py": b"1"})
    gone = make_layer("distribution", "six", "1.17", {"lib/six.py": b"1"})
    before = Last(make_manifest((DJANGO, gone, APP)))
    now = Last(make_manifest((newer, pillow, APP)))
    assert changes(before, now)[1:] == [
        "  ~ django 5.2.1 -> 5.2.2",
        "  + pillow 11",
        "  - six 1.17",
    ]


def test_names_the_changed_files_of_the_project() -> None:
    newer = replace(APP, sha256="3" * 64)
    before = Last(make_manifest((APP,)), {APP.sha256: {"app/a.py": "1", "app/b.py": "1"}})
    now = Last(make_manifest((newer,)), {newer.sha256: {"app/a.py": "2", "app/c.py": "1"}})
    assert changes(before, now)[1:] == ["  ~ app", "      ~ a.py", "      - b.py", "      + c.py"]


def test_the_groups_of_the_projects_files_are_one_line() -> None:
    app = [Layer("app", f"app/{n}", "", str(n) * 64, 1 << 10, 2) for n in range(4)]
    lists = {layer.sha256: {f"app/{layer.sha256[0]}.py": "1"} for layer in app}
    before = Last(make_manifest((DJANGO, *app[:3])), lists)
    now = Last(make_manifest((DJANGO, *app[1:])), {app[3].sha256: {"app/0.py": "2"}})
    assert next(line.split() for line in biggest(before.manifest)) == ["app", "3.0", "KiB"]
    assert changes(before, before) == changes(now, now)
    # Lists are only read of layers that differ.
    before = replace(before, lists={app[0].sha256: lists[app[0].sha256]})
    assert changes(before, now)[1:] == ["  ~ app", "      ~ 0.py"]


def test_reads_the_lists_of_layers_that_differ(tmp_path: Path) -> None:
    trees = {"app": {"app/manage.py": b"1"}, "app/x": {"app/x/a.py": b"1"}}
    layers = tuple(make_layer("app", name, "", tree) for name, tree in trees.items())
    path = write_bundle(tmp_path / "shop.pyz", make_manifest(layers), trees)
    last, other = read_last(path), Last(make_manifest(layers[:1]))
    assert last is not None
    assert last.lists == {}
    found = with_lists(last, other)
    assert {digest: set(rows) for digest, rows in found.lists.items()} == {
        layers[1].sha256: {"app/x/a.py"}
    }
    write_bundle(path, make_manifest(layers[:1]), {"app": trees["app"]})
    assert with_lists(last, other).lists == {}  # replaced meanwhile


def test_says_that_nothing_changed() -> None:
    last = Last(make_manifest((DJANGO, APP)))
    assert changes(last, last) == [f"the same as the previous one, {last.manifest.release_id}"]


def test_counts_files_beyond_the_first() -> None:
    old = {f"app/{n}.py": "1" for n in range(4)}
    assert changed_files(old, {})[-1] == "and 1 more file"
    assert changed_files({**old, "app/9.py": "1"}, {})[-1] == "and 2 more files"
    assert changed_files(old, old) == []


def test_sums_up_the_small_layers() -> None:
    layers = tuple(
        Layer("distribution", f"d{n}", "1", f"{n:064d}", (n + 1) << 10, 1) for n in range(11)
    )
    lines = biggest(make_manifest(layers))
    assert lines[0].split() == ["d10", "1", "11.0", "KiB"]
    assert lines[-1].split() == ["3", "more", "6.0", "KiB"]
    assert len({len(line) for line in lines}) == 1  # sizes are aligned


def test_the_summary_ends_with_the_path(tmp_path: Path) -> None:
    manifest = make_manifest((DJANGO, APP))
    built = Built(manifest, (BuiltFile(tmp_path / "shop.pyz", "f" * 64, 2048),))
    lines = [line for line, _ in summary(built, None, 1.5)]
    assert lines[0] == f"shop {manifest.release_id} is bundled"
    assert "  took 1.5 s" in lines
    assert f"  2.0 KiB, sha256 {'f' * 64}" in lines
    assert lines[-1] == str(tmp_path / "shop.pyz")


def test_a_previous_bundle_that_cannot_be_read_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "shop.pyz"
    path.write_bytes(b"no bundle")
    assert read_last(path) is None
    assert read_last(tmp_path / "away.pyz") is None


def test_json_has_the_documented_keys(tmp_path: Path) -> None:
    file = BuiltFile(tmp_path / "shop.pyz", "f" * 64, 2048)
    deb = BuiltFile(tmp_path / "shop.deb", "e" * 64, 1024, "deb", tmp_path / "shop.deb.sig")
    built = Built(make_manifest((DJANGO,)), (file, deb), {"export": 0.5})
    data = json.loads(json.dumps(as_json(built)))
    promised = {"path", "release_id", "commit", "sha256", "size", "layers", "seconds"}
    assert promised <= set(data)
    assert data["seconds"] == {"export": 0.5}
    assert [(one["format"], one["sha256"], one["signature"]) for one in data["files"]] == [
        ("pyz", "f" * 64, None),
        ("deb", "e" * 64, f"{deb.path}.sig"),
    ]
    assert (data["path"], data["size"]) == (str(file.path), 2048)  # those of the first file
    assert data["layers"][0]["name"] == "django"
