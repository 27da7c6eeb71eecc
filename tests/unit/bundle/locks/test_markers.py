"""Markers that tell patch releases apart."""

from __future__ import annotations

from django_deploykit.bundle.locks.base import Requirement
from django_deploykit.bundle.locks.markers import settle


def settled(*texts: str, python: str = "3.11", platform: str = "linux-x86_64") -> list[str]:
    rows = [Requirement(text, (), f"r.txt:{number}") for number, text in enumerate(texts, 1)]
    return [one.text for one in settle(rows, python, platform)[0]]


def test_takes_what_some_patch_release_needs_and_leaves_what_none_does() -> None:
    assert settled(
        "async-timeout==4 ; python_full_version < '3.11.3'",
        "tomli==2 ; python_full_version < '3.11'",
        "plain==1 ; python_version < '3.8'",
    ) == ["async-timeout==4", "plain==1 ; python_version < '3.8'"]


def test_one_version_of_a_name_is_chosen_where_only_one_fits() -> None:
    texts = ("a==1 ; python_full_version < '3.11'", "A==2 ; python_full_version >= '3.11'")
    assert settled(*texts) == ["A==2"]
    assert settled(*texts, python="3.10") == ["a==1"]


def test_the_builder_decides_where_two_versions_of_a_name_fit() -> None:
    rows = [
        Requirement("a==1 ; python_full_version < '3.11.4'", (), "r.txt:1"),
        Requirement("a==2 ; python_full_version >= '3.11.4'", (), "r.txt:2"),
    ]
    kept, notes = settle(rows, "3.11", "linux-x86_64")
    assert kept == rows
    assert len(notes) == 2
    assert "r.txt:1" in notes[0]


def test_the_platform_is_the_targets() -> None:
    marker = "python_full_version >= '3.11' and sys_platform == 'darwin'"
    assert settled(f"a==1 ; {marker}") == []
    assert settled(f"a==1 ; {marker}", platform="darwin-aarch64") == ["a==1"]


def test_a_marker_that_is_none_is_left_for_uv_to_name() -> None:
    text = "a==1 ; python_full_version is new"
    assert settled(text) == [text]
