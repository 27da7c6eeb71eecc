"""Names of options in INI files, and filled samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.ini import environment_name, fill, names, names_in, only_here


def test_names_options_that_have_a_value() -> None:
    text = (
        "[django]\nsecret_key = x\nDEBUG: yes\nempty =\nblank =   \n[database]\nurl=sqlite:///x\n"
    )
    assert names(text) == {"[django] secret_key", "[django] debug", "[database] url"}


def test_passes_over_comments_continuations_and_what_stands_before_a_section() -> None:
    text = "early = 1\n[a]\n# b = 1\n; c = 1\n  #d = 1\nlong = x\n  e = 1\n"
    assert names(text) == {"[a] long"}


def test_reads_all_files_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "shop.ini").write_bytes("\ufeff[django]\nsecret_key = ä\n".encode())
    (tmp_path / "conf.d" / "10.ini").write_bytes(b"[mail]\nurl = \xff\n")
    (tmp_path / "conf.d" / "note.txt").write_text("[no]\nx = 1\n")
    assert names_in(tmp_path, "shop") == ["[django] secret_key", "[mail] url"]


def test_a_site_without_files_has_no_options(tmp_path: Path) -> None:
    assert names_in(tmp_path / "none", "shop") == []


def test_fills_every_key_with_one_of_its_own() -> None:
    first, second = fill("a = {generate}\nb = {generate}\nc = {other}\n").splitlines()[:2]
    assert len(first) > 50
    assert first.partition(" = ")[2] != second.partition(" = ")[2]
    assert "{generate}" not in first + second


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("[django] secret_key", "SECRET_KEY"),
        ("[database] url", "DATABASE_URL"),
        ("[mail-out] api-key", "MAIL_OUT_API_KEY"),
    ],
)
def test_every_option_has_a_name_in_the_environment(option: str, name: str) -> None:
    assert environment_name(option) == name


@pytest.mark.parametrize(
    ("line", "only"),
    [
        ("# allowed_hosts = localhost, 127.0.0.1", True),
        ("# allowed_hosts =", True),
        ("# allowed_hosts = localhost, shop.example.org", False),
        ("allowed_hosts =", False),  # required: it is among those that are missing
        ("# other = localhost", False),
    ],
)
def test_knows_hosts_that_nobody_else_reaches(line: str, only: bool) -> None:
    assert only_here(f"[django]\nsecret_key = x\n{line}\n") is only
