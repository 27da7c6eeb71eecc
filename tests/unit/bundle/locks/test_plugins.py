"""Plug-ins of one installation: their paths, their needs, and how they are locked."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.locks import READERS
from django_deploykit.bundle.locks.base import LockFile, Reader, Requirement
from django_deploykit.bundle.locks.plugins import (
    moved,
    plugins_hint,
    validate_needs,
)
from django_deploykit.bundle.locks.requirements import parse_requirements
from django_deploykit.errors import Problems

A = f"--hash=sha256:{'a' * 64}"


def lock(path: str, *lines: str) -> LockFile:
    return LockFile(path, tuple(parse_requirements("\n".join(lines), path).requirements))


def test_paths_are_relative_to_the_product() -> None:
    found = moved(
        LockFile(
            "plugins.txt",
            (
                Requirement("./a-1.whl ; x", (), "plugins.txt:1"),
                Requirement("b @ file:../b", (), "plugins.txt:2"),
                Requirement("c==1", (), "plugins.txt:3"),
            ),
            ("--find-links wheels",),
        ),
        "../site",
    )
    assert [one.text for one in found.requirements] == [
        "../site/a-1.whl ; x",
        "b @ file:../b",
        "c==1",
    ]
    assert found.requirements[0].where == "../site/plugins.txt:1"
    assert (found.path, found.options) == (
        "../site/plugins.txt",
        ("--find-links ../site/wheels",),
    )
    assert moved(found, ".") is found


def test_a_plugin_that_needs_another_version_is_refused() -> None:
    product = lock("requirements.txt", f"django==4.2 {A}", "x==1").requirements
    added = lock("plugins.txt", f"wishlist==1 {A}").requirements
    both = (*product, *added)
    found = LockFile("requirements.txt", both, plugins="plugins.txt", added=frozenset(["wishlist"]))
    lines = [
        "The package `wishlist` requires `django>=5`, but `4.2` is installed",
        "The package `django` requires `x>=2`, but `1` is installed",
        "The package `wishlist` requires `other`, but it's not installed",
    ]
    with pytest.raises(Problems) as caught:
        validate_needs(found, lines, "Do this.")
    assert caught.value.problems == (
        "plugins.txt:1: wishlist needs django>=5, but requirements.txt:1 has 4.2",
    )
    validate_needs(found, lines[1:], "Do this.")  # the product's own, and what is only incomplete


@pytest.mark.parametrize(
    ("reader", "product", "command"),
    [
        ("requirements.txt", f"a==1 {A}", "uv pip compile plugins.in -c requirements.txt "),
        ("requirements.txt", "./libs/a", "uv pip compile plugins.in requirements.txt "),
        ("uv.lock", "a==1", "| uv pip compile plugins.in -c - "),
        ("poetry.lock", "a==1", "poetry export --without-hashes | uv pip compile plugins.in -c -"),
    ],
)
def test_the_hint_is_the_command_that_locks_for_the_product(
    reader: str, product: str, command: str
) -> None:
    found: Reader = READERS[reader]
    hint = plugins_hint(found, lock(reader, product), "plugins.txt")
    assert command in hint
    assert hint.endswith("--universal --generate-hashes -o plugins.txt")
