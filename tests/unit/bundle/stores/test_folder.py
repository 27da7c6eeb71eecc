"""The folder ``.deploykit/bundles/``: which bundles stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.bundle.stores import folder
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.signature import signature_path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, "shop", tmp_path / "deploykit.ini")


def put(path: Path, moment: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.utime(path, (moment, moment))
    return path


def bundle(project: Project, day: int, moment: int) -> Path:
    name = file_name("shop", f"202611{day:02}T041500-ab12cd3")
    return put(folder.path(project, name), moment)


def test_keeps_the_ten_newest_files_not_the_ten_newest_commits(project: Project) -> None:
    paths = [bundle(project, 30 - number, 1000 + number) for number in range(13)]
    folder.add(project, paths[-1])
    assert folder.bundles(project) == paths[3:]


def test_removes_a_signature_with_its_bundle(project: Project) -> None:
    paths = [bundle(project, 1 + number, 1000 + number) for number in range(11)]
    for path in paths[:2]:
        put(signature_path(path), 1)
    folder.add(project, paths[-1])
    assert [signature_path(path).exists() for path in paths[:2]] == [False, True]


def test_keeps_files_that_the_user_named(project: Project) -> None:
    names = ("mine.pyz", "shop-final.pyz", "other-20261101T041500-ab12cd3.pyz", "shop.txt")
    mine = [put(folder.path(project, name), 1) for name in names]
    paths = [bundle(project, 1 + number, 1000 + number) for number in range(12)]
    folder.add(project, paths[-1])
    assert all(path.exists() for path in mine)
    assert len(folder.bundles(project)) == 10 + 3


def test_finds_a_bundle_by_name(project: Project) -> None:
    path = bundle(project, 1, 1000)
    assert folder.find(project, path.name) == path
    assert folder.find(project, "other.pyz") is None


def test_looking_does_not_create_the_folder(project: Project) -> None:
    assert folder.bundles(project) == []
    assert folder.find(project, "shop.pyz") is None
    assert not (project.root / ".deploykit").exists()
