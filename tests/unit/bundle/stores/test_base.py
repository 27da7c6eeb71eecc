"""Stores: names of files, and how a new one is added."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.stores import STORES
from django_deploykit.bundle.stores.base import Store, file_name
from django_deploykit.management.bundling import previous
from django_deploykit.project import Project


def test_a_file_name_has_project_release_and_suffix() -> None:
    assert file_name("shop", "20261123T041500-ab12cd3") == "shop-20261123T041500-ab12cd3.pyz"


def test_a_new_store_needs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    asked: list[Project] = []

    def bundles(project: Project) -> list[Path]:
        asked.append(project)
        return []

    made = Store(lambda _, name: tmp_path / name, lambda *_: None, lambda *_: None, bundles)
    monkeypatch.setitem(STORES, "made", made)
    assert previous(project, "made") is None
    assert asked == [project]
