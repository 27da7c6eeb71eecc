"""INI files with the place of every option."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf.ini import read_ini


def test_options_and_problems_have_their_place(tmp_path: Path) -> None:
    path = tmp_path / "shop.ini"
    path.write_text("\n[a]\nb = 1\n  2\nnonsense\n", encoding="utf-8-sig")
    ini = read_ini(path)
    option = ini.sections["a"]["b"]
    assert (option.value, option.where) == ("1\n2", f"{path}:3")
    assert ini.problems == (f"{path}:5: expected a [section], an option = value, or a comment",)


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "shop.ini"
    path.write_bytes(b"[a]\nb = \xff\n")
    assert read_ini(path).problems == (f"{path}: is not UTF-8 (byte 8)",)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_ini(tmp_path / "shop.ini")
