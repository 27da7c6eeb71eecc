"""Folders in which another user could replace what root runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.runtime.base.trusted_folders import (
    forget_untrusted,
    is_trusted,
    make_folders,
)

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    make_folders(str(made / "ann" / "cache"))
    return made


def test_own_folders_and_missing_ones_are_trusted(home: Path) -> None:
    assert is_trusted(str(home / "ann" / "cache"))
    assert is_trusted(str(home / "ann" / "cache" / "not" / "there"))


def test_created_folders_are_private(home: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folders(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    for folder in (home, home / "ann", tmp_path / "a", tmp_path / "a" / "b"):
        assert folder.stat().st_mode & 0o777 == 0o700
    make_folders(str(home))  # it is there


def test_a_file_on_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        make_folders(str(tmp_path / "file"))


@pytest.mark.parametrize(("mode", "trusted"), [(0o777, False), (0o770, False), (0o1777, True)])
def test_others_may_write_to_a_parent_only_if_they_cannot_rename(
    home: Path, mode: int, trusted: bool
) -> None:
    home.chmod(mode)
    assert is_trusted(str(home / "ann" / "cache")) is trusted
    assert is_trusted(str(home / "new")) is trusted


@as_root
@pytest.mark.parametrize("owned", ["home", "home/ann", "home/ann/cache"])
def test_a_folder_of_another_user_on_the_way_is_not_trusted(
    home: Path, tmp_path: Path, owned: str
) -> None:
    os.chown(tmp_path / owned, NOBODY, NOBODY)
    assert not is_trusted(str(home / "ann" / "cache"))
    assert not is_trusted(str(home / "ann" / "cache" / "new"))


@as_root
def test_a_link_of_another_user_is_not_trusted(home: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(home / "ann")
    assert is_trusted(str(link / "cache"))
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    assert not is_trusted(str(link / "cache"))


@pytest.mark.parametrize("target", ["{}/home/open", "home/open", "home/ann/../open"])
def test_what_a_link_names_is_looked_at(home: Path, tmp_path: Path, target: str) -> None:
    (home / "open").mkdir()
    link = tmp_path / "link"
    link.symlink_to(target.format(tmp_path))
    assert is_trusted(str(link / "cache"))
    (home / "open").chmod(0o777)
    assert not is_trusted(str(link / "cache"))


def test_links_in_a_circle_are_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert not is_trusted(str(tmp_path / "one" / "cache"))


@as_root
def test_root_forgets_folders_of_other_users(home: Path) -> None:
    os.chown(home / "ann", NOBODY, NOBODY)
    env = {
        "TMPDIR": str(home / "ann"),
        "TMP": str(home),
        "XDG_CACHE_HOME": str(home / "ann" / "cache"),
        "HOME": str(home / "ann"),
    }
    forget_untrusted(env)
    assert env == {"TMP": str(home), "HOME": str(home / "ann")}
