"""The registry of host verbs."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.registry import VERBS, Invocation, argument, live_of, verb
from django_deploykit.runtime.cli.verbs import all_verbs, find_verb
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.operating import EndResult
from django_deploykit.runtime.wire.voice import Voice
from tests.bundles import make_layer, make_manifest, write_bundle


def test_a_verb_is_one_decorated_function(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dance = Call("dance", EndResult)
    all_verbs()
    monkeypatch.setitem(VERBS, "dance", None)  # what is registered below ends with the test

    @verb(dance, "dance for a while", argument("--steps", type=int, default=1))
    def run_dance(run: Invocation) -> EndResult:
        return EndResult(ended=run.options.steps > 1)

    found = find_verb("dance")
    assert found is not None
    parser = argparse.ArgumentParser()
    for one in found.arguments:
        one(parser)
    options = parser.parse_args(["--steps", "2"])
    invocation = Invocation(options, tmp_path, Voice(person=False), len)
    assert found.run(invocation) == run_dance(invocation) == EndResult(ended=True)


def test_a_bundle_knows_where_its_site_is(tmp_path: Path) -> None:
    layers = (make_layer("app", "app", "", {"app/manage.py": b""}),)
    path = write_bundle(
        tmp_path / "shop.pyz", make_manifest(layers), {"app": {"app/manage.py": b""}}
    )
    voice = Voice(person=False)
    assert Invocation(argparse.Namespace(root=None), path, voice, len).root == Path("/srv/shop")
    assert Invocation(argparse.Namespace(root=tmp_path), path, voice, len).root == tmp_path


def test_the_release_that_is_named_comes_before_the_live_one(tmp_path: Path) -> None:
    site = Site("shop", tmp_path, tmp_path / "etc", tmp_path / "var")
    with pytest.raises(DeployKitError, match="nothing is live here"):
        live_of(site, None)
    assert live_of(site, "b") == "b"
    site.current.symlink_to("releases/a")
    assert live_of(site, None) == "a"
