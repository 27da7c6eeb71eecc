"""Hashed static files of one release are linked into another."""

from __future__ import annotations

import os
from pathlib import Path

from django_deploykit.runtime.storage.hashed import link_hashed, link_hashed_of_others
from tests.bundles import make_manifest


def test_hashed_files_come_from_other_releases_and_not_through_a_link(tmp_path: Path) -> None:
    for name in ("new", "old", ".removed-x"):
        (tmp_path / "releases" / name / "static").mkdir(parents=True)
        (tmp_path / "releases" / name / "static" / f"{name}.0123456789ab.css").touch()
    manifest = make_manifest((), static_root="static")
    link_hashed_of_others(tmp_path / "releases", "new", manifest)
    found = tmp_path / "releases/new/static"
    assert {path.name.partition(".")[0] for path in found.iterdir()} == {"new", "old"}
    (found / "old.0123456789ab.css").unlink()
    (tmp_path / "link").symlink_to("releases")
    link_hashed_of_others(tmp_path / "link", "new", manifest)
    assert [path.name for path in found.iterdir()] == ["new.0123456789ab.css"]


def test_only_hashed_files_are_linked_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "old" / "css").mkdir(parents=True)
    for name in ("base.css", "base.0123456789ab.css"):
        (tmp_path / "old" / "css" / name).touch()
    before = os.umask(0o077)
    try:
        link_hashed(tmp_path / "old", tmp_path / "new")
    finally:
        os.umask(before)
    made = tmp_path / "new" / "css"
    assert [path.name for path in made.iterdir()] == ["base.0123456789ab.css"]
    assert made.stat().st_mode & 0o777 == 0o755
