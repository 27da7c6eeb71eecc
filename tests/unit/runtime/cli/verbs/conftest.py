"""Calling verbs on a site that runs without systemd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.main import parse
from django_deploykit.runtime.cli.registry import Invocation
from django_deploykit.runtime.cli.verbs import find_verb
from django_deploykit.runtime.wire.voice import Voice

Invoke = Callable[..., object]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(
        "shop",
        tmp_path / "srv",
        tmp_path / "etc",
        tmp_path / "var",
        supervisor="plain",
        listen=":0",
    )
    for folder in (made.releases, made.store, made.etc):
        folder.mkdir(parents=True)
    (made.root / "site.json").write_text(made.dumps())
    return made


@pytest.fixture
def invoke(site: Site) -> Invoke:
    """Run a verb with its own parser; returns what it answers."""

    def run(name: str, *words: str, path: Path = Path("x.pyz")) -> object:
        options = parse([name, "--root", str(site.root), *words])
        verb = find_verb(name)
        assert verb is not None
        return verb.run(Invocation(options, path, Voice(person=False), len))

    return run
