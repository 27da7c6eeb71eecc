"""Judgements made from a host's facts."""

from __future__ import annotations

import json
from typing import Any

from django_deploykit.release.facts import Facts, refusals
from django_deploykit.runtime.bundle.manifest import Manifest, Process
from tests.bundles import make_layer, make_manifest

NOW = 1_795_000_000.0
LAYER = make_layer("app", "shop", "1", {"app/manage.py": b"x"})


def manifest(**changes: Any) -> Manifest:
    lines = (Process("web", "gunicorn"), Process("worker", "work"), Process("release", "migrate"))
    return make_manifest((LAYER,), processes=lines, **changes)


def facts(**changes: Any) -> Facts:
    values = {
        "host": "web1",
        "setup": True,
        "python": "/usr/bin/python3",
        "clock": NOW,
        "free": 1 << 40,
        "inodes": 10_000_000,
        "processes": ("web", "worker"),
    }
    return Facts(**{**values, **changes})


def said(wanted: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    return list(refusals(manifest(), facts(**changes), setup_needed=True, now=NOW, wanted=wanted))


def test_nothing_is_said_of_a_good_host() -> None:
    assert said() == []


def test_a_process_without_a_unit_needs_setup() -> None:
    (line,) = said(processes=("web",))
    assert "worker" in line
    assert "--setup" in line


def test_a_process_that_does_not_run_there_needs_no_unit() -> None:
    site = json.dumps({"roles": ["web"]})
    assert said({"roles": ["web"]}, processes=("web",), site=site) == []


def test_where_no_units_are_needed_none_are_missed() -> None:
    assert said(processes=None) == []


def test_a_site_set_up_otherwise_needs_setup() -> None:
    site = json.dumps({"listen": "127.0.0.1:8000", "keep": 5})
    (line,) = said({"listen": "127.0.0.1:9000", "keep": 5}, site=site)
    assert "listen '127.0.0.1:8000' there" in line
    assert "keep" not in line


def test_all_reasons_are_said_at_once() -> None:
    lines = said(drift=("shop.socket",), free=0, clock=NOW - 86400, python="")
    assert len(lines) == 4
