"""A product's lock file and a second one: what they agree on."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.locks.base import LockFile
from django_deploykit.bundle.locks.joining import with_plugins
from django_deploykit.bundle.locks.requirements import parse_requirements
from django_deploykit.errors import Problems

A, B, C = (f"--hash=sha256:{letter * 64}" for letter in "abc")


def lock(path: str, *lines: str) -> LockFile:
    return LockFile(path, tuple(parse_requirements("\n".join(lines), path).requirements))


def joined(product: list[str], plugins: list[str], python: str = "3.12") -> LockFile:
    both = lock("requirements.txt", *product), lock("plugins.txt", *plugins)
    return with_plugins(*both, python, "linux-x86_64", "Do this.")


def lines(product: list[str], plugins: list[str], python: str = "3.12") -> list[str]:
    return [one.line() for one in joined(product, plugins, python).requirements]


def refused(product: list[str], plugins: list[str]) -> list[str]:
    with pytest.raises(Problems) as caught:
        joined(product, plugins)
    assert caught.value.message.startswith("plugins.txt conflicts with requirements.txt:")
    assert caught.value.hint == "Do this."
    return list(caught.value.problems)


def test_a_plugin_is_added_to_the_product() -> None:
    found = joined([f"django==5.2 {A}"], [f"Wish_List==1 {B}", f"django==5.2 {A}"])
    assert found.added == {"wish-list"}
    assert (found.path, found.plugins) == ("requirements.txt", "plugins.txt")
    assert [one.name for one in found.requirements] == ["django", "Wish_List"]


@pytest.mark.parametrize(
    ("product", "plugin", "kept"),
    [
        (f"a==1 {A}", f"a==1 {A}", f"a==1 {A}"),
        (f"a==1.0 {A}", f"A==1 {A}", f"a==1.0 {A}"),
        (f"a==1 {A} {B}", f"a==1 {B} {C}", f"a==1 {B}"),
        (f"a[x]==1 {A}", f"a==1 {A}", f"a[x]==1 {A}"),
        (f"a==1 {A}", "a==1", f"a==1 {A}"),
        ("a==1", f"a==1 {A}", f"a==1 {A}"),
        (f"./vendor/a-1-py3-none-any.whl {A}", f"a==1 {A}", f"./vendor/a-1-py3-none-any.whl {A}"),
        ("./libs/a", "./libs/a", "./libs/a"),
        (f'a==1 {A} ; python_full_version < "3.12.3"', f"a==1 {A}", f"a==1 {A}"),
    ],
)
def test_the_same_in_both_stays_once(product: str, plugin: str, kept: str) -> None:
    def with_marker(text: str) -> str:  # a marker stands before the hashes in a file
        line, _, marker = text.partition(" ; ")
        name, _, hashes = line.partition(" --hash")
        return f"{name} ; {marker}{hashes and ' --hash'}{hashes}" if marker else text

    assert lines([with_marker(product)], [plugin]) == [kept]


@pytest.mark.parametrize(
    ("product", "plugin", "problem"),
    [
        (f"a==1 {A}", f"a==2 {B}", "plugins.txt:1: a==2, but requirements.txt:1 has a==1"),
        (
            f"a==1 {A}",
            f"a==1 {B}",
            "plugins.txt:1: a==1, but requirements.txt:1 has other hashes for this version",
        ),
        ("a==1", "a==2", "plugins.txt:1: a==2, but requirements.txt:1 has a==1"),
        (
            f"a @ git+https://example.org/a@{'1' * 40}",
            "a==2",
            f"plugins.txt:1: a==2, but requirements.txt:1 has a @ git+https://example.org/a@{'1' * 40}",
        ),
        ("./libs/a", f"a==2 {A}", "plugins.txt:1: a==2, but requirements.txt:1 has ./libs/a"),
        (
            f"./vendor/a-1.whl {A}",
            f"./plugins/a-2.whl {B}",
            "plugins.txt:1: ./plugins/a-2.whl, but requirements.txt:1 has ./vendor/a-1.whl",
        ),
    ],
)
def test_a_conflict_names_both_places(product: str, plugin: str, problem: str) -> None:
    assert refused([product], [plugin]) == [problem]


def test_all_conflicts_are_reported_together() -> None:
    assert len(refused(["a==1", "b==1", "c==1"], ["a==2", "b==2", "c==1"])) == 2


def test_what_another_platform_needs_does_not_conflict() -> None:
    product = ["a==1 ; python_version < '3.11'", "a==2 ; python_version >= '3.11'"]
    assert lines(product, ["a==2"])[-1] == "a==2"
    windows = ["a==3 ; sys_platform == 'win32'"]
    assert lines(["a==1"], windows) == ["a==1", *windows]
    with pytest.raises(Problems, match="conflicts"):
        joined(product, ["a==1"])
