"""A site as its host's ``site.json`` says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site, load_site


def make(root: Path) -> Site:
    return Site(
        "shop", root, root / "etc", root / "data", "plain", "127.0.0.1:8000", roles=("web",)
    )


def test_is_read_as_it_was_written(tmp_path: Path) -> None:
    site = make(tmp_path)
    (tmp_path / "site.json").write_text(site.dumps())
    assert load_site(tmp_path) == site


def test_knows_its_places(tmp_path: Path) -> None:
    site = make(tmp_path)
    assert site.releases == tmp_path / "releases"
    assert site.store == tmp_path / "store"
    assert site.current == tmp_path / "current"
    assert site.journal == tmp_path / "journal.jsonl"
    assert site.ini == tmp_path / "etc" / "shop.ini"


def test_leaves_out_keys_that_a_later_version_added(tmp_path: Path) -> None:
    data = {**json.loads(make(tmp_path).dumps()), "colour": "red"}
    (tmp_path / "site.json").write_text(json.dumps(data))
    assert load_site(tmp_path) == make(tmp_path)


def test_a_host_that_is_not_set_up_says_how_to(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match="not set up") as caught:
        load_site(tmp_path)
    assert "--setup" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"app": "shop", "supervisor": "plain"}',
        '{"app": "../x", "supervisor": "plain", "root": "/", "etc": "/", "data": "/"}',
        '{"app": "shop", "supervisor": "magic", "root": "/", "etc": "/", "data": "/"}',
        '{"app": "shop", "supervisor": "plain", "root": 7, "etc": "/", "data": "/"}',
    ],
)
def test_refuses_a_damaged_file_and_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.json").write_text(text)
    with pytest.raises(DeployKitError, match=r"site\.json is damaged"):
        load_site(tmp_path)
