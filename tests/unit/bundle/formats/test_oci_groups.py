"""Groups of files: few enough for engines, and the same after another file changes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from django_deploykit.bundle.formats.oci_groups import MOST, Files, Group, group_layers
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, tree_digest
from tests.images import digest

_JQUERY, _LOGO, _LICENSE = "jquery" * 100, "logo" * 30_000, "license" * 10


def entry(path: str, content: str = "", size: int = 0) -> FileEntry:
    """Return a file of this content, or of any of this size."""
    data = (content or path).encode()
    return FileEntry(path, 0o644, size or len(data), hashlib.sha256(data).hexdigest())


def layer(kind: str, name: str, entries: Sequence[FileEntry] = ()) -> tuple[Layer, list[FileEntry]]:
    rows = sorted(entries or [entry(f"{kind}/{name}.py")])
    size = sum(one.size for one in rows)
    return Layer(kind, name, "1", tree_digest(rows), size, len(rows)), rows


def grouped(rows: Iterable[tuple[Layer, list[FileEntry]]]) -> list[Group]:
    found = list(rows)
    files: Files = {one.sha256: entries for one, entries in found}
    return group_layers([one for one, _ in found], files)


def paths(group: Group) -> list[str]:
    return [one.path for source in group.sources for one in source.entries]


def contents(groups: Iterable[Group]) -> dict[str, list[tuple[str, int, str]]]:
    """Return what is in each group."""
    return {
        one.name: [(row.path, row.mode, row.sha256) for source in one.sources for row in source[1]]
        for one in groups
    }


OWN = [
    *(entry(f"app/shop/part{n}/views.py", size=9000) for n in range(1000)),
    *(entry(f"app/shop/pictures/{n}.jpg", size=500_000) for n in range(100)),
]
COLLECTED = [entry(f"app/static/{n}.{part}", size=5000) for n in range(1000) for part in ("a", "b")]
MANY = [
    *(
        layer("distribution", f"large{n}", [entry(f"lib/large{n}", size=(n + 1) << 20)])
        for n in range(60)
    ),
    *(layer("distribution", f"small{n}") for n in range(200)),
    layer("static", "static", COLLECTED),
    layer("app", "app", OWN),
]


def test_what_changes_most_often_is_last() -> None:
    small = layer("distribution", "small")
    large = layer("distribution", "large", [entry("lib/large", size=5 << 20)])
    picture = entry("app/shop/picture.jpg", size=1 << 20)
    own = [layer("app", "app", [entry("app/manage.py"), picture]), layer("static", "static")]
    python = layer("interpreter", "python")
    names = [one.name for one in grouped([*own, small, large, python])]
    assert names[:2] == ["python", "large"]
    assert names[-3:] == ["static", "app, large", "app"]
    assert len(names) == 6


def test_every_file_is_in_one_group_and_engines_mount_all() -> None:
    groups = grouped(MANY)
    assert len(groups) <= MOST
    found = Counter(path for group in groups for path in paths(group))
    assert found == Counter(one.path for _, rows in MANY for one in rows)


def test_a_change_only_changes_its_group() -> None:
    before = contents(grouped(MANY))
    for position, number in ((0, 0), (70, 0), (260, 7), (261, 5), (261, 1050)):
        changed = [*MANY]
        old, rows = MANY[position]
        path, _, size, _ = rows[number]
        rows = [*rows[:number], entry(path, "changed", size), *rows[number + 1 :]]
        changed[position] = (replace(old, sha256=tree_digest(rows)), rows)
        after = contents(grouped(changed))
        assert list(after) == list(before)
        assert sum(after[name] != before[name] for name in before) == 1


def test_a_new_small_distribution_only_changes_its_group() -> None:
    before = contents(grouped(MANY))
    after = contents(grouped([*MANY, layer("distribution", "another")]))
    assert sum(after[name] != before.get(name) for name in after) == 1


def test_a_change_of_code_sends_neither_large_files_nor_all_code() -> None:
    groups = [one for one in grouped(MANY) if one.name.startswith("app")]
    sizes = {
        one.name: sum(row.size for source in one.sources for row in source.entries)
        for one in groups
    }
    code = {name: size for name, size in sizes.items() if "large" not in name}
    assert sum(code.values()) == 9_000_000
    assert max(code.values()) < 1_000_000
    assert len(sizes) - len(code) == 16


def test_a_module_is_with_its_bytecode_and_a_static_file_with_its_variants() -> None:
    rows = [entry(f"app/a/m{n}.py", size=9000) for n in range(200)]
    rows += [entry(f"app/a/__pycache__/m{n}.cpython-311.pyc", size=9000) for n in range(200)]
    groups = grouped([layer("app", "app", rows), layer("static", "static", COLLECTED)])
    assert len(groups) > 10
    for group in groups:
        names = Counter(path.replace("__pycache__/", "").partition(".")[0] for path in paths(group))
        assert set(names.values()) == {2}


def test_no_content_of_the_project_is_in_two_groups() -> None:
    package = "lib/python3.11/site-packages"
    django = [
        entry(f"{package}/django/static/admin/jquery.js", _JQUERY),
        entry(f"{package}/django/LICENSE", _LICENSE),
        entry(f"{package}/django/__init__.py", size=2 << 20),
    ]
    other = [entry(f"{package}/other/LICENSE", _LICENSE)]
    app = [
        entry("app/LICENSE", _LICENSE),
        entry("app/shop/static/logo.png", _LOGO),
        entry("app/shop/a/copied.py", "copied"),
        entry("app/shop/b/copied.py", "copied"),
        *(entry(f"app/shop/more{n}.py", size=9000) for n in range(200)),
    ]
    static = [
        entry("app/static/admin/jquery.123.js", _JQUERY),
        entry("app/static/admin/jquery.js", _JQUERY),
        entry("app/static/logo.png", _LOGO),
    ]
    groups = grouped(
        [
            layer("distribution", "django", django),
            layer("distribution", "other", other),
            layer("app", "app", app),
            layer("static", "static", static),
        ]
    )
    found = {path: one for one in groups for path in paths(one)}
    for same in (
        ("app/static/admin/jquery.js", f"{package}/django/static/admin/jquery.js"),
        ("app/static/logo.png", "app/shop/static/logo.png"),
        ("app/shop/a/copied.py", "app/shop/b/copied.py"),
    ):
        assert found[same[0]] == found[same[1]]
    assert found["app/static/logo.png"].name == "static, large"
    assert {one.name for one in groups if one.is_static} == {"static", "static, large"}
    # Packages have their license, so that their layers are the same in other projects.
    assert found[f"{package}/django/LICENSE"].name == "django"
    assert found["app/LICENSE"].name.startswith("app")


def test_empty_files_attract_no_others() -> None:
    empty = [FileEntry(path, 0o644, 0, digest(b"")) for path in ("app/static/x", "lib/a.py")]
    groups = grouped([layer("static", "static", empty[:1]), layer("distribution", "a", empty[1:])])
    assert [paths(one) for one in groups] == [["lib/a.py"], ["app/static/x"]]
