"""A site's INI files as host verbs see them, and filled samples."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from django_deploykit.runtime.base.configuration import (
    configured_keys,
    create,
    exposure_problem,
    fill,
    is_unwritten,
    last_change,
    only_local_hosts,
)


def test_reads_all_files_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "shop.ini").write_bytes("\ufeff[django]\nsecret_key = ä\n".encode())
    (tmp_path / "conf.d" / "10.ini").write_bytes(b"[mail]\nurl =\n  \xff\n")
    (tmp_path / "conf.d" / "note.txt").write_text("[no]\nx = 1\n")
    assert configured_keys(tmp_path, "shop") == ["[django] secret_key", "[mail] url"]


def test_variables_count_as_options(tmp_path: Path) -> None:
    (tmp_path / "shop.ini").write_text("[environment]\ndebug = no\nempty =\n")
    (tmp_path / "shop.env").write_text("SECRET_KEY=x\nEMAIL_PASSWORD=\nnot a line\n")
    keys = ["[environment] EMAIL_PASSWORD", "[environment] SECRET_KEY", "[environment] debug"]
    assert configured_keys(tmp_path, "shop") == keys


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o660])
def test_a_file_that_others_can_read_or_write_is_exposed(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "shop.env"
    path.touch()
    path.chmod(mode)
    problem = f"{path} has the mode {mode:04o}: other users can read or write it"
    assert exposure_problem(path) == exposure_problem(path, path.stat().st_uid) == problem


def test_a_file_of_another_user_is_exposed(tmp_path: Path) -> None:
    path = tmp_path / "shop.env"
    assert exposure_problem(path, 0) == ""
    path.touch(0o600)
    owner = path.stat().st_uid
    assert exposure_problem(path) == exposure_problem(path, owner) == ""
    assert f"{path} belongs to " in exposure_problem(path, owner + 1)


@pytest.mark.parametrize("name", ["shop.ini", "shop.env", "conf.d/1.ini", "conf.d/2.ini"])
def test_the_last_change_is_that_of_the_newest_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    for path in (tmp_path / "shop.ini", tmp_path / "conf.d" / "1.ini", tmp_path / "other"):
        path.touch()
        os.utime(path, (1000, 1000))
    (tmp_path / name).touch()
    for folder in (tmp_path / "conf.d", tmp_path):
        os.utime(folder, (1000, 1000))
    later = time.time() + 1000
    os.utime(tmp_path / name, (later, later))
    assert last_change(tmp_path, "shop") == pytest.approx(later)


def test_a_file_that_was_restored_with_its_old_time_has_changed(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.touch()
    os.utime(backup, (1000, 1000))
    os.replace(backup, tmp_path / "shop.ini")
    assert last_change(tmp_path, "shop") == (tmp_path / "shop.ini").stat().st_ctime


def test_without_files_nothing_has_changed(tmp_path: Path) -> None:
    assert last_change(tmp_path, "shop") == 0


def test_a_site_without_files_has_no_keys(tmp_path: Path) -> None:
    assert configured_keys(tmp_path / "none", "shop") == []


@pytest.mark.parametrize("before", [None, b"", b" \n\n"])
def test_a_configuration_with_nothing_in_it_is_created_again(
    before: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "shop.ini"
    if before is not None:
        path.write_bytes(before)
    assert is_unwritten(path)
    create(path, "[django]\nsecret_key = x\n")
    assert path.read_text() == "[django]\nsecret_key = x\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", ["[django]\n", "# mine\n", " " * 5000])
def test_a_configuration_is_never_replaced(before: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.ini"
    path.write_text(before)
    assert not is_unwritten(path)
    with pytest.raises(FileExistsError):
        create(path, "[other]\n")
    assert path.read_text() == before


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    (tmp_path / "shop.ini").symlink_to("other")
    assert not is_unwritten(tmp_path / "shop.ini")


def test_fills_every_key_with_another_one() -> None:
    first, second = fill("a = {generate}\nb = {generate}\nc = {other}\n").splitlines()[:2]
    assert len(first) > 50
    assert first.partition(" = ")[2] != second.partition(" = ")[2]
    assert "{generate}" not in first + second


@pytest.mark.parametrize(
    ("line", "only"),
    [
        ("# allowed_hosts = localhost, 127.0.0.1", True),
        ("# allowed_hosts =", True),
        ("# allowed_hosts = localhost, shop.example.org", False),
        ("allowed_hosts =", False),  # required: it is missing, which is reported
        ("# other = localhost", False),
    ],
)
def test_knows_defaults_that_admit_this_machine_only(line: str, only: bool) -> None:
    assert only_local_hosts(f"[django]\nsecret_key = x\n{line}\n") is only
