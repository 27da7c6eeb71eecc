"""Giving files of root back to the owner of the folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.runtime.provision.ownership import (
    give_back,
    has_files_of_root,
    links_are_protected,
)
from tests.nesting import nest

DEPLOY = 12345
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


def owners(top: Path) -> dict[str, int]:
    return {str(path.relative_to(top)): path.lstat().st_uid for path in top.rglob("*")}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A site's folder of another user, with what root left in it."""
    made = tmp_path / "srv"
    (made / "checked").mkdir(parents=True)
    (made / "store" / "layer").mkdir(parents=True)
    for name in ("lock", "checked/a.json", "store/layer/x.py"):
        (made / name).write_text(name)
    (made / "store/layer/two.py").hardlink_to(made / "store/layer/x.py")
    (made / "current").symlink_to(tmp_path / "roots")
    os.mkfifo(made / "pipe")
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "secret").touch()
    (made / "linked").symlink_to(tmp_path / "roots" / "secret")
    return made


@needs_root
def test_everything_below_the_folder_is_given_back(top: Path) -> None:
    assert has_files_of_root(top, protected=True)
    give_back(top, DEPLOY, DEPLOY, protected=True)
    assert set(owners(top).values()) == {DEPLOY}
    assert not has_files_of_root(top, protected=True)


@needs_root
def test_nothing_is_given_through_a_link(top: Path, tmp_path: Path) -> None:
    give_back(top, DEPLOY, DEPLOY, protected=True)
    assert set(owners(tmp_path / "roots").values()) == {0}
    assert (tmp_path / "roots").stat().st_uid == 0


@needs_root
def test_a_second_name_of_a_file_stays_roots_if_users_can_make_such_names(
    top: Path, tmp_path: Path
) -> None:
    shadow = tmp_path / "shadow"
    shadow.touch()
    (top / "mine").hardlink_to(shadow)
    give_back(top, DEPLOY, DEPLOY, protected=False)
    assert shadow.stat().st_uid == 0
    found = owners(top)
    assert [found[name] for name in ("lock", "checked", "checked/a.json")] == [DEPLOY] * 3
    assert not has_files_of_root(top, protected=False)


@needs_root
def test_files_of_others_stay_theirs(top: Path) -> None:
    os.chown(top / "lock", 4242, 4242)
    give_back(top, DEPLOY, DEPLOY, protected=True)
    assert owners(top)["lock"] == 4242


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert not has_files_of_root(tmp_path / "none", protected=True)


@pytest.mark.parametrize(("text", "protected"), [("1\n", True), ("0\n", False), (None, False)])
def test_the_kernel_says_whether_users_can_link_files_of_others(
    tmp_path: Path, text: str | None, protected: bool
) -> None:
    path = tmp_path / "protected_hardlinks"
    if text is not None:
        path.write_text(text)
    assert links_are_protected(path) == protected


def test_folders_that_are_nested_very_deeply_do_not_end_setup(tmp_path: Path) -> None:
    """The deploy user can make them; each level takes a descriptor and a level of recursion."""
    nest(tmp_path / "srv", 1200)
    (tmp_path / "srv" / "last").touch()
    found = has_files_of_root(tmp_path / "srv", protected=True)
    assert found == (os.getuid() == 0)
    give_back(tmp_path / "srv", os.getuid(), os.getgid(), protected=True)
    subprocess.run(["rm", "-rf", str(tmp_path / "srv")], check=True)


def test_a_link_that_takes_the_place_of_a_folder_is_not_opened(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deploy user swaps a folder for a pipe after it was listed."""
    really = os.stat

    def swapped(name: str, **options: Any) -> os.stat_result:
        status = really(name, **options)
        if name == "store" and not (tmp_path / "moved").exists():
            (top / "store").rename(tmp_path / "moved")
            os.mkfifo(top / "store")
        return status

    monkeypatch.setattr(os, "stat", swapped)
    give_back(top, os.getuid(), os.getgid(), protected=True)
    assert (tmp_path / "moved").is_dir()
