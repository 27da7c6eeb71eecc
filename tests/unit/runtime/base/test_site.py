"""A site and its ``site.json``."""

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


def test_a_written_site_is_read_back(tmp_path: Path) -> None:
    site = make(tmp_path)
    (tmp_path / "site.json").write_text(site.dumps())
    assert load_site(tmp_path) == site


def test_a_site_has_its_paths(tmp_path: Path) -> None:
    site = make(tmp_path)
    assert site.releases == tmp_path / "releases"
    assert site.store == tmp_path / "store"
    assert site.current == tmp_path / "current"
    assert site.journal == tmp_path / "journal.jsonl"
    assert site.ini == tmp_path / "etc" / "shop.ini"


def test_keys_of_later_versions_are_ignored(tmp_path: Path) -> None:
    data = {**json.loads(make(tmp_path).dumps()), "colour": "red"}
    (tmp_path / "site.json").write_text(json.dumps(data))
    assert load_site(tmp_path) == make(tmp_path)


def test_a_missing_site_says_how_to_set_it_up(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match="not set up") as caught:
        load_site(tmp_path)
    assert "manage.py release ENVIRONMENT setup" in caught.value.hint


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
def test_a_damaged_site_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.json").write_text(text)
    with pytest.raises(DeployKitError, match=r"site\.json is damaged"):
        load_site(tmp_path)


@pytest.mark.parametrize("seconds", ["1" + "0" * 400, "1e400", "NaN", "true", '"5"'])
def test_a_duration_in_a_site_is_a_number_of_seconds(tmp_path: Path, seconds: str) -> None:
    text = make(tmp_path).dumps().replace('"boot": 60.0', f'"boot": {seconds}')
    assert text != make(tmp_path).dumps()
    (tmp_path / "site.json").write_text(text)
    with pytest.raises(DeployKitError, match=r"site\.json is damaged: boot must be a number"):
        load_site(tmp_path)
