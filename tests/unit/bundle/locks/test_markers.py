"""Markers that tell patch releases apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.locks import markers
from django_deploykit.bundle.locks.base import LockFile, Requirement
from django_deploykit.bundle.locks.markers import applies, apply_markers, resolve, without_unneeded


def applied(*texts: str, python: str = "3.11", platform: str = "linux-x86_64") -> list[str]:
    rows = [Requirement(text, (), f"r.txt:{number}") for number, text in enumerate(texts, 1)]
    return [one.text for one in apply_markers(rows, python, platform)[0]]


def test_takes_what_some_patch_release_needs_and_leaves_what_none_does() -> None:
    assert applied(
        "async-timeout==4 ; python_full_version < '3.11.3'",
        "tomli==2 ; python_full_version < '3.11'",
        "plain==1 ; python_version < '3.8'",
    ) == ["async-timeout==4", "plain==1 ; python_version < '3.8'"]


def test_one_version_of_a_name_is_chosen_where_only_one_fits() -> None:
    texts = ("a==1 ; python_full_version < '3.11'", "A==2 ; python_full_version >= '3.11'")
    assert applied(*texts) == ["A==2"]
    assert applied(*texts, python="3.10") == ["a==1"]


def test_the_builder_decides_where_two_versions_of_a_name_fit() -> None:
    rows = [
        Requirement("a==1 ; python_full_version < '3.11.4'", (), "r.txt:1"),
        Requirement("a==2 ; python_full_version >= '3.11.4'", (), "r.txt:2"),
    ]
    kept, notes = apply_markers(rows, "3.11", "linux-x86_64")
    assert kept == rows
    assert len(notes) == 2
    assert "r.txt:1" in notes[0]


def test_the_platform_is_the_targets() -> None:
    marker = "python_full_version >= '3.11' and sys_platform == 'darwin'"
    assert applied(f"a==1 ; {marker}") == []
    assert applied(f"a==1 ; {marker}", platform="darwin-aarch64") == ["a==1"]


def test_a_marker_that_is_none_is_left_for_uv_to_name() -> None:
    text = "a==1 ; python_full_version is new"
    assert applied(text) == [text]


def test_evaluates_the_markers_of_a_lock_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path))
    rows = (
        Requirement('tiny==1 ; python_full_version < "3.11.3"', ("sha256:1",), "r.txt:1"),
        Requirement('tiny==2 ; python_full_version >= "3.11.3"', ("sha256:2",), "r.txt:2"),
        Requirement('other==1 ; python_full_version < "3.11.3"', ("sha256:3",), "r.txt:3"),
    )
    lock = LockFile("r.txt", rows, ("--no-index",))
    first = resolve(lock, "3.11", "linux-x86_64")
    monkeypatch.setattr(markers, "apply_markers", lambda *_: pytest.fail("evaluated again"))
    assert resolve(lock, "3.11", "linux-x86_64") == first
    assert first[0].requirements[2].text == "other==1"
    assert len(first[1]) == 2
    with pytest.raises(pytest.fail.Exception):
        resolve(lock, "3.12", "linux-x86_64")
    with pytest.raises(pytest.fail.Exception):
        resolve(replace(lock, requirements=rows[:2]), "3.11", "linux-x86_64")


def test_what_has_no_version_is_left_out_where_it_is_not_needed() -> None:
    texts = ["a==1", "b; sys_platform == 'win32'", "c; sys_platform != 'win32'", "d", "e; what"]
    lock = LockFile("Pipfile.lock", tuple(Requirement(one, (), "") for one in texts))
    found = without_unneeded(lock, "3.12", "linux-x86_64")
    assert [one.name for one in found.requirements] == ["a", "c", "d", "e"]


@pytest.mark.parametrize(
    ("marker", "needed"),
    [
        ("", True),
        (" ; python_version >= '3.11'", True),
        (" ; python_version < '3.11'", False),
        (" ; python_full_version >= '3.11.7'", True),
        (" ; python_full_version >= '3.12.1'", False),
        (" ; sys_platform == 'darwin'", False),
    ],
)
def test_a_requirement_applies_if_some_patch_release_needs_it(marker: str, needed: bool) -> None:
    assert applies(Requirement(f"a==1{marker}", (), "r.txt:1"), "3.11", "linux-x86_64") is needed
