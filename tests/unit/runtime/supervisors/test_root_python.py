"""Which Python runs root's helper."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.runtime.supervisors.root_python import (
    is_bundled,
    own_program,
    python_folder,
    record_path,
    root_program,
    running_python,
)
from tests.bundles import Tree, make_layer, make_manifest

TREE: Tree = {"python/bin/python3.12": (b"", 0o755)}
LAYER = make_layer("interpreter", "python", "3.12.1", TREE)
STORE = Path("/var/cache/django-deploykit/shop/store")


def test_it_is_the_systems_where_there_is_one(tmp_path: Path) -> None:
    system = tmp_path / "python3"
    assert root_program("no-such-app", str(system)) == str(own_program("no-such-app"))
    system.touch()
    assert root_program("no-such-app", str(system)) == str(system)


def test_its_files_are_in_a_folder_of_the_project() -> None:
    assert python_folder("shop") == Path("/usr/local/lib/deploykit-shop")
    assert record_path("shop").parent == python_folder("shop")
    assert own_program("shop").is_relative_to(python_folder("shop"))


def test_finds_the_stored_python_that_runs() -> None:
    prefix = str(STORE / LAYER.sha256 / "python")
    assert is_bundled(prefix)
    assert running_python(make_manifest((LAYER,)), prefix) == (STORE, LAYER.sha256)


def test_another_python_is_not_the_bundles() -> None:
    prefix = str(STORE / ("a" * 64) / "python")
    assert running_python(make_manifest((LAYER,)), prefix) is None
    assert running_python(make_manifest(()), prefix) is None
    assert running_python(make_manifest((LAYER,)), "/usr") is None
    assert not is_bundled("/usr")
