"""The bundle that a release takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.reusing import find_bundle
from tests.unit.management.sessions import MemorySession, shop_bundle
from tests.unit.release.fakes import Host


def test_a_given_bundle_is_taken_as_it_is(tmp_path: Path) -> None:
    bundle = shop_bundle(tmp_path)
    assert find_bundle(MemorySession(tmp_path, Host(name="web1")), bundle, "") == bundle


@pytest.mark.parametrize("keep", [8, -1])
def test_a_given_bundle_that_is_damaged_is_refused(keep: int, tmp_path: Path) -> None:
    bundle = shop_bundle(tmp_path)
    bundle.write_bytes(bundle.read_bytes()[:keep])
    with pytest.raises(DeployKitError, match=str(bundle)):
        find_bundle(MemorySession(tmp_path, Host(name="web1")), bundle, "")
