"""Whether a bundle can go to a host."""

from __future__ import annotations

import json
from typing import Any

from django_deploykit.runtime.bundle.manifest import Manifest, Process
from django_deploykit.runtime.deploy.readiness import Expected, iter_host_problems
from django_deploykit.runtime.wire.facts import HostFacts
from tests.bundles import make_layer, make_manifest

NOW = 1_795_000_000.0
LAYER = make_layer("app", "shop", "1", {"app/manage.py": b"x"})


def manifest(**changes: Any) -> Manifest:
    lines = (Process("web", "gunicorn"), Process("worker", "work"), Process("release", "migrate"))
    return make_manifest((LAYER,), processes=lines, **changes)


def facts(**changes: Any) -> HostFacts:
    values = {
        "setup": True,
        "python": "/usr/bin/python3",
        "clock": NOW,
        "free": 1 << 40,
        "inodes": 10_000_000,
        "processes": ("web", "worker"),
    }
    return HostFacts(**{**values, **changes})


def problems(wanted: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    expected = Expected("manage.py release production setup", NOW, site=wanted or {})
    return list(iter_host_problems(manifest(), facts(**changes), expected))


def test_a_good_host_has_no_problems() -> None:
    assert problems() == []


def test_a_process_without_a_unit_needs_setup() -> None:
    (line,) = problems(processes=("web",))
    assert "worker" in line
    assert "manage.py release production setup" in line


def test_a_process_that_does_not_run_there_needs_no_unit() -> None:
    site = json.dumps({"roles": ["web"]})
    assert problems({"roles": ["web"]}, processes=("web",), site=site) == []


def test_a_host_without_units_needs_none() -> None:
    assert problems(processes=None) == []


def test_a_setup_that_differs_from_deploykit_ini_is_named() -> None:
    site = json.dumps({"listen": "127.0.0.1:8000", "keep": 5})
    (line,) = problems({"listen": "127.0.0.1:9000", "keep": 5}, site=site)
    assert "its setup differs from deploykit.ini (listen is '127.0.0.1:8000' there)" in line
    assert "keep" not in line


def test_all_problems_are_reported_at_once() -> None:
    lines = problems(drift=("shop.socket",), free=0, clock=NOW - 86400, python="")
    assert len(lines) == 4


def test_a_host_that_requires_signed_bundles_refuses_an_unsigned_one() -> None:
    expected = Expected("", NOW, signed=False)
    (line,) = iter_host_problems(manifest(), facts(asks=True), expected)
    assert line.startswith("requires signed bundles, and this bundle is not signed")
    assert list(iter_host_problems(manifest(), facts(), expected)) == []
