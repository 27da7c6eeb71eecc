"""A site's INI files as host verbs see them, and filled samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.configuration import configured_keys, fill, only_local_hosts


def test_reads_all_files_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "shop.ini").write_bytes("\ufeff[django]\nsecret_key = ä\n".encode())
    (tmp_path / "conf.d" / "10.ini").write_bytes(b"[mail]\nurl =\n  \xff\n")
    (tmp_path / "conf.d" / "note.txt").write_text("[no]\nx = 1\n")
    assert configured_keys(tmp_path, "shop") == ["[django] secret_key", "[mail] url"]


def test_a_site_without_files_has_no_keys(tmp_path: Path) -> None:
    assert configured_keys(tmp_path / "none", "shop") == []


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
