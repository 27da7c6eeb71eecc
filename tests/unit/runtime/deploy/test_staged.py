"""Switching to a release that is staged on this host."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.signature import SignatureError
from django_deploykit.runtime.deploy.staged import switch_to_staged
from tests.bundles import make_manifest
from tests.unit.runtime.fake_supervisor import stage_by_hand

OLD = "20261101T000000-aaaaaaa"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    stage_by_hand(tmp_path, make_manifest((), release_id=OLD).dumps(), OLD)
    etc = tmp_path / "etc"
    etc.mkdir()
    return Site("shop", tmp_path, etc, tmp_path, supervisor="plain", listen=":0")


def test_a_release_that_is_not_staged_is_not_switched_to(site: Site) -> None:
    with pytest.raises(DeployKitError):
        switch_to_staged(site, "20261109T000000-ccccccc", "rollback", "ann", ["x"], lambda _: None)
    assert not site.journal.exists()


def test_a_release_without_the_required_signature_is_not_switched_to(site: Site) -> None:
    (site.etc / "allowed_signers").write_text("")
    with pytest.raises(SignatureError):
        switch_to_staged(site, OLD, "release", "ann", ["x"], lambda _: None)
    assert not (site.root / "switching.json").exists()
