"""A release in the cache: folders that one distribution alone provides are links, the rest is real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.bundle.manifest import Layer
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.storage import layers, symlinks
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

SITE = "lib/python3.11/site-packages"
APP: Tree = {"app/manage.py": b"1", "app/shop/views.py": b"2"}
STATIC: Tree = {"app/staticfiles/a.css": b"a", "app/staticfiles/admin/b.css": b"b"}
ONE: Tree = {
    f"{SITE}/one/__init__.py": b"",
    f"{SITE}/one/deep/data.txt": b"data",
    f"{SITE}/one-1.dist-info/METADATA": b"Name: one",
    f"{SITE}/one_single.py": b"single = 1",
    f"{SITE}/one.pth": b"import one",
    f"{SITE}/space/one/__init__.py": b"in one",
    "bin/one": (b"#!/bin/sh\n", 0o755),
    "share/man/man1/one.1": b"man",
}
TWO: Tree = {
    f"{SITE}/two/__init__.py": b"",
    f"{SITE}/space/two/__init__.py": b"in two",
    "share/man/man1/two.1": b"man",
}
COMPILED: Tree = {
    f"{SITE}/fast/__init__.py": b"",
    f"{SITE}/fast/_c.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    f"{SITE}/fast.libs/libz.so.1": b"\x7fELF",
}


def layers_of(folder: Path, trees: dict[str, Tree]) -> list[Layer]:
    """Extract trees into the store; ``app`` and ``static`` are what they are called."""
    found = []
    for name, tree in trees.items():
        kind = name if name in ("app", "static") else "distribution"
        found.append(make_layer(kind, name, "", tree))
    path = write_bundle(folder / "x.pyz", make_manifest(tuple(found)), trees)
    with BundleFile(path) as bundle:
        for layer in found:
            layers.extract(bundle, folder / "store", layer.sha256)
    return found


def laid(folder: Path, trees: dict[str, Tree]) -> Path:
    """Lay a release out of trees."""
    release = folder / "releases" / "new"
    release.mkdir(parents=True)
    symlinks.place_layers(layers_of(folder, trees), folder / "store", release)
    return release


def test_every_file_is_where_it_belongs(tmp_path: Path) -> None:
    trees = {"app": APP, "static": STATIC, "one": ONE, "two": TWO, "fast": COMPILED}
    release = laid(tmp_path, trees)
    for tree in trees.values():
        for path, content in tree.items():
            data = content if isinstance(content, bytes) else content[0]
            assert (release / path).read_bytes() == data, path
    assert os.access(release / "bin/one", os.X_OK)


def test_a_folder_that_one_distribution_provides_is_a_link(tmp_path: Path) -> None:
    release = laid(tmp_path, {"one": ONE, "two": TWO})
    for name in ("one", "two", "one-1.dist-info", "space/one", "space/two"):
        assert (release / SITE / name).is_symlink(), name
        assert not os.path.isabs(os.readlink(release / SITE / name))


def test_what_is_shared_and_what_lies_beside_packages_is_real(tmp_path: Path) -> None:
    release = laid(tmp_path, {"app": APP, "static": STATIC, "one": ONE, "two": TWO})
    for name in (
        *("bin", "share/man/man1", SITE, f"{SITE}/space", "app/shop", "app/staticfiles/admin"),
        *("bin/one", f"{SITE}/one_single.py", f"{SITE}/one.pth", "app/shop/views.py"),
    ):
        assert (release / name).resolve() == release.resolve() / name, name


def test_what_holds_compiled_code_is_real(tmp_path: Path) -> None:
    """Its libraries find those of other distributions by paths that begin at their own place."""
    release = laid(tmp_path, {"one": ONE, "fast": COMPILED})
    for name in ("fast", "fast.libs"):
        assert not (release / SITE / name).is_symlink()
    beside = release / SITE / "fast" / ".." / "one" / "deep" / "data.txt"
    assert beside.read_bytes() == b"data"


def test_folders_whose_names_differ_in_case_alone_are_not_linked(tmp_path: Path) -> None:
    upper: Tree = {f"{SITE}/Thing/a.py": b"a"}
    lower: Tree = {f"{SITE}/thing/b.py": b"b"}
    release = laid(tmp_path, {"upper": upper, "lower": lower})
    assert not (release / SITE / "thing").is_symlink()
    assert not (release / SITE / "Thing").is_symlink()


def test_links_lead_on_when_the_whole_cache_moves(tmp_path: Path) -> None:
    laid(tmp_path / "before", {"one": ONE})
    (tmp_path / "before").rename(tmp_path / "after")
    path = tmp_path / "after" / "releases" / "new" / SITE / "one" / "deep" / "data.txt"
    assert path.read_bytes() == b"data"


@pytest.mark.parametrize("kind", ["distribution", "app"])
def test_a_file_that_two_layers_hold_is_named(tmp_path: Path, kind: str) -> None:
    other = {"distribution": "other", "app": "app"}[kind]
    with pytest.raises(DeployKitError, match="two layers contain bin/one"):
        laid(tmp_path, {"one": ONE, other: {"bin/one": b"x"}})


def test_nothing_is_written_through_a_link_into_the_store(tmp_path: Path) -> None:
    """A layer of the project's own may not reach into a package, whichever comes first."""
    inside: Tree = {**APP, f"{SITE}/one/more.py": b"more"}
    for order in ({"one": ONE, "app": inside}, {"app": inside, "one": ONE}):
        folder = tmp_path / "-".join(order)
        with pytest.raises(DeployKitError, match="two layers contain"):
            laid(folder, order)
        assert not list(folder.glob(f"store/{make_layer('d', 'x', '', ONE).sha256}/**/more.py"))
