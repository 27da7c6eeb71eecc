"""Exported variables that a release to ``local`` does not use are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.management.shell_variables import iter_notes, unused_variables
from django_deploykit.runtime.base.site import Site


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, []),
        ({"DEBUG": "1", "TOKEN": "", "OTHER": "1"}, ["DEBUG", "TOKEN"]),
        ({"SHOP_DEBUG": "1"}, ["SHOP_DEBUG"]),
        ({"TOKEN_FILE": "/x", "SHOP_TOKEN_FILE": "/x"}, ["SHOP_TOKEN_FILE", "TOKEN_FILE"]),
        ({"PATH": "/bin", "LC_ALL": "C"}, []),  # processes get these
    ],
)
def test_names_what_is_exported_and_read_but_not_used(
    environ: dict[str, str], named: list[str]
) -> None:
    assert unused_variables("shop", ["DEBUG", "TOKEN", "PATH", "LC_ALL"], environ) == named


def test_says_which_files_are_read(tmp_path: Path) -> None:
    site = Site("shop", tmp_path / "srv", tmp_path, tmp_path / "var", supervisor="plain")
    (note,) = iter_notes(site, ["DEBUG"], {"DEBUG": "secret"})
    assert note == (
        "note: not used, though exported in this shell: DEBUG. A release reads "
        f"{tmp_path}/shop.env and {site.ini}"
    )
    assert list(iter_notes(site, ["DEBUG"], {})) == []


def test_says_that_others_can_read_the_file(tmp_path: Path) -> None:
    site = Site("shop", tmp_path / "srv", tmp_path, tmp_path / "var", supervisor="plain")
    path = tmp_path / "shop.env"
    path.touch(0o644)
    path.chmod(0o644)
    assert list(iter_notes(site, [], {})) == [
        f"note: other users can read {path}: chmod 600 {path}"
    ]
    path.chmod(0o600)
    assert list(iter_notes(site, [], {})) == []
