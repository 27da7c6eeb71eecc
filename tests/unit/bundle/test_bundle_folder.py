"""How many bundles stay beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.bundle.bundle_folder import forget_old, kept_bundles, kept_path
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.signature import beside


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, "shop", tmp_path / "deploykit.ini")


def put(path: Path, moment: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.utime(path, (moment, moment))
    return path


def bundle(project: Project, day: int, moment: int) -> Path:
    return put(kept_path(project, "shop", f"202611{day:02}T041500-ab12cd3"), moment)


def test_keeps_the_ten_that_were_made_last_whatever_their_commits(project: Project) -> None:
    # The newest commit was bundled first: what counts is when a bundle was made.
    paths = [bundle(project, 30 - number, 1000 + number) for number in range(13)]
    forget_old(project, "shop")
    assert kept_bundles(project) == paths[3:]


def test_a_signature_goes_with_its_bundle(project: Project) -> None:
    paths = [bundle(project, 1 + number, 1000 + number) for number in range(11)]
    for path in paths[:2]:
        put(beside(path), 1)
    forget_old(project, "shop")
    assert [beside(path).exists() for path in paths[:2]] == [False, True]


def test_what_was_named_otherwise_stays(project: Project) -> None:
    folder = kept_path(project, "shop", "x").parent
    names = ("mine.pyz", "shop-final.pyz", "other-20261101T041500-ab12cd3.pyz", "shop.txt")
    mine = [put(folder / name, 1) for name in names]
    for number in range(12):
        bundle(project, 1 + number, 1000 + number)
    forget_old(project, "shop")
    assert all(path.exists() for path in mine)
    assert len(kept_bundles(project)) == 10 + 3


def test_nothing_is_there_before_the_first(project: Project) -> None:
    forget_old(project, "shop")
    assert kept_bundles(project) == []
    assert not (project.root / ".deploykit").exists()
