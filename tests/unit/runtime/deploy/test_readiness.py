"""Whether a bundle can go to a host."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

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


def problems(wanted: dict[str, object] | None = None, **changes: Any) -> list[str]:
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


def test_what_is_not_configured_is_named_with_its_files() -> None:
    required = ("[django] debug", "[environment] TOKEN", "[mail] url", "[environment] KEY")
    expected = Expected("", NOW)
    there = facts(site=json.dumps({"etc": "/etc/shop"}))
    (line,) = iter_host_problems(manifest(required=required), there, expected)
    ini, env = (
        "[django] debug, [mail] url in /etc/shop/shop.ini",
        "TOKEN, KEY in /etc/shop/shop.env",
    )
    assert line == f"lacks {ini} and {env}: set it there"
    keys = ("[environment] debug", "[environment] TOKEN", "[environment] MAIL_URL")
    (line,) = iter_host_problems(
        manifest(required=required), facts(site=there.site, keys=keys), expected
    )
    assert line == "lacks KEY in /etc/shop/shop.env: set it there"


def test_all_problems_are_reported_at_once() -> None:
    lines = problems(drift=("shop.socket",), free=0, clock=NOW - 86400, python="")
    assert len(lines) == 4


def test_a_release_that_is_there_as_a_whole_needs_no_room() -> None:
    there = facts(free=0, inodes=0, staged=(manifest().release_id,))
    digests = frozenset(layer.sha256 for layer in manifest().layers)
    expected = Expected("", NOW)
    assert list(iter_host_problems(manifest(), replace(there, layers=digests), expected)) == []
    (room,) = iter_host_problems(
        manifest(), replace(there, layers=digests, staged=(), inodes=None), expected
    )
    assert "its disk has 0 MiB left" in room


def test_a_host_that_requires_signed_bundles_refuses_an_unsigned_one() -> None:
    expected = Expected("", NOW, signed=False)
    (line,) = iter_host_problems(manifest(), facts(asks=True), expected)
    assert line.startswith("requires signed bundles, and this bundle is not signed")
    assert list(iter_host_problems(manifest(), facts(), expected)) == []


RELEASE = manifest().release_id
NEWER, OLDER = "20991101T000000-aaaaaaa", "19991101T000000-aaaaaaa"


@pytest.mark.parametrize(
    "newest", [NEWER, OLDER, RELEASE, RELEASE.partition("-")[0] + "-fffffff", ""]
)
def test_a_signed_bundle_that_is_older_than_what_was_live_is_refused(newest: str) -> None:
    lines = problems(asks=True, newest=newest)
    assert [NEWER in line and "--older" in line for line in lines] == [True] * (newest == NEWER)


def test_an_older_bundle_is_taken_where_it_is_asked_for_or_no_signature_is() -> None:
    expected = Expected("", NOW, older=True)
    assert list(iter_host_problems(manifest(), facts(asks=True, newest=NEWER), expected)) == []
    assert problems(newest=NEWER) == []


def test_what_is_live_may_be_released_again_after_a_rollback() -> None:
    assert problems(asks=True, newest=NEWER, live=RELEASE) == []


def test_a_bundle_with_its_own_python_needs_none() -> None:
    layer = make_layer("interpreter", "python", "3.12.1", {"python/bin/python3.12": b""})
    own = make_manifest((layer,))
    bare = facts(python="", layers=frozenset([layer.sha256]))
    assert list(iter_host_problems(own, bare, Expected("", NOW))) == []
    assert problems(python="") == [f"has no Python {manifest().python}"]
