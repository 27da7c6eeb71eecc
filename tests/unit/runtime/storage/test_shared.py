"""Which folders of a release are shared, and by what name."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.groups import group_files
from django_deploykit.runtime.bundle.manifest import Layer
from django_deploykit.runtime.storage.shared import link_in, parts_of, shared_by
from tests.bundles import make_manifest

NAME = "0" * 32 + "-" + "1" * 12


def layer(kind: str, name: str, number: int = 0) -> Layer:
    return Layer(kind, name, "", f"{number:064x}", 1, 1)


def paths(*layers: Layer, root: str = "app/out") -> list[str]:
    return [part.path for part in parts_of(make_manifest(layers, static_root=root))]


def test_collected_files_and_large_static_folders_of_the_app_are_shared() -> None:
    assert paths(layer("app", "app"), layer("static", "static")) == ["app/out"]
    assert paths(layer("static", "static"), root="") == []
    large = [layer("app", f"app/shop/static/{name}", 1) for name in ("", "a/ 1/2", "static/b/")]
    assert paths(layer("app", "app"), *large) == ["app/shop/static"]
    assert paths(layer("app", "app/static/", 1)) == ["app/static"]


@pytest.mark.parametrize(
    "name",
    [
        "app",
        "app 1/2",
        "app/shop/",
        "app/shop/statics/",
        "app/../static/",
        "/app/static/",
        "lib/static/",
        "app/out/static/",
    ],
)
def test_other_layers_are_not(name: str) -> None:
    assert paths(layer("app", name), layer("static", "static", 1)) == ["app/out"]


def test_a_folder_that_holds_the_collected_files_is_not_shared_twice() -> None:
    assert paths(
        layer("app", "app/static/"), layer("static", "static", 1), root="app/static/out"
    ) == ["app/static/out"]


def test_the_groups_of_a_large_static_folder_are_one_part_with_all_its_files() -> None:
    """As ``bundle`` divides them: every file of the folder is in one of its layers."""
    names = [f"shop/static/{n % 30}/{n}.svg" for n in range(5000)]
    others = ["manage.py", *(f"shop/view{n}.py" for n in range(2000))]
    groups = group_files("app", [*names, *others])
    found = [layer("app", name, number) for number, name in enumerate(groups)]
    (part,) = parts_of(make_manifest(tuple(found), static_root="app/out"))
    assert part.path == "app/shop/static"
    inside = [path for one in part.layers for path in groups[one.name]]
    assert sorted(inside) == sorted(names)


def test_the_key_depends_on_the_path_and_the_layers_in_any_order() -> None:
    def key(root: str, *numbers: int) -> str:
        found = [layer("static", "static", number) for number in numbers]
        (part,) = parts_of(make_manifest(tuple(found), static_root=root))
        return part.key

    assert key("app/a", 1, 2) == key("app/a", 2, 1)
    assert len({key("app/a", 1), key("app/a", 2), key("app/b", 1), key("app/a", 1, 2)}) == 4


def test_a_link_is_relative_and_only_the_exact_one_counts(tmp_path: Path) -> None:
    release = tmp_path / "releases/one"
    release.mkdir(parents=True)
    link_in(release, "app/shop/static", NAME)
    link = release / "app/shop/static"
    assert shared_by(release, "app/shop/static") == NAME
    (tmp_path / "shared" / NAME / "app/shop/static").mkdir(parents=True)
    assert link.resolve() == tmp_path / "shared" / NAME / "app/shop/static"
    assert shared_by(release, "app/shop") == ""
    assert shared_by(release, "app/missing") == ""
    for text in (
        f"../../../../shared/{NAME}/app",
        "/etc",
        f"../../../shared/{NAME}/app/shop/static",
    ):
        link.unlink()
        link.symlink_to(text)
        assert shared_by(release, "app/shop/static") == ""
