"""The engine of our own hosts passes each action to the code for hosts."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.engines.hosts import ENGINE, KEYS
from django_deploykit.management.concluding import carry_out, show_status
from django_deploykit.management.extra import SHIPPING
from django_deploykit.project.inventory import HOSTS_KEYS
from tests.unit.management.sessions import MemorySession, shop_bundle
from tests.unit.release.fakes import NEW, OLD, Host


def test_has_the_keys_that_only_hosts_need() -> None:
    assert {*KEYS} == {*HOSTS_KEYS}
    assert ENGINE.packages == SHIPPING


def test_releases_and_shows_what_is_live(tmp_path: Path) -> None:
    host = Host(name="web1")
    session = MemorySession(tmp_path, host)
    assert session.engine is ENGINE
    assert carry_out(session, ENGINE.release(session, lambda: shop_bundle(tmp_path))) == 0
    session = MemorySession(tmp_path, host)
    assert show_status(session, ENGINE.status(session)) == 0
    assert session.printed()["hosts"]["web1"]["live"] == NEW


def test_goes_back(tmp_path: Path) -> None:
    host = Host(name="web1", live=NEW, staged={OLD, NEW}, kin={"same": True})
    session = MemorySession(tmp_path, host)
    assert carry_out(session, ENGINE.rollback(session, OLD)) == 0
    assert host.live == OLD
