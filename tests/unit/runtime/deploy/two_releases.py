"""A site with two releases, the older one live, for the switch between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.probe import Response
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.deploy import probing
from django_deploykit.runtime.deploy import switch as switching
from django_deploykit.runtime.deploy.switch import Change
from django_deploykit.runtime.wire.events import Event
from tests.bundles import make_manifest
from tests.unit.runtime.fake_supervisor import stage_by_hand

OLD, NEW = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
CHANGE = Change(NEW, OLD, "release", "ann", "c" * 40)


def silent(event: Event) -> None:
    pass


@pytest.fixture
def site(tmp_path: Path) -> Site:
    processes = (Process("web", "gunicorn"), Process("worker", "celery"), Process("release", "x"))
    for release in (OLD, NEW):
        manifest = make_manifest((), release_id=release, processes=processes)
        stage_by_hand(tmp_path, manifest.dumps(), release)
    made = Site("shop", tmp_path, tmp_path / "etc", tmp_path / "var", listen="127.0.0.1:1", boot=1)
    switching.point(made, OLD)
    return made


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Response]:
    """What probes get: the last answer again and again."""
    queue = [Response(200)]
    monkeypatch.setattr(
        probing, "ask", lambda *_, **__: queue.pop(0) if len(queue) > 1 else queue[0]
    )
    return queue


def serving(release: str) -> list[tuple[str, str]]:
    return [(release, "web"), (release, "worker")]
