"""The live release with the current configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import HALF_DONE, REFUSED, DeployKitError, Problems
from django_deploykit.runtime.base.probe import Response
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.deploy import probing
from django_deploykit.runtime.deploy.current import restart, validate_live
from django_deploykit.runtime.wire.journal import JournalRecord, read_journal
from django_deploykit.runtime.wire.reader import read
from django_deploykit.runtime.wire.reports import CheckResult
from tests.bundles import make_manifest
from tests.unit.runtime.fake_supervisor import FakeSupervisor, stage_by_hand

LIVE = "20261101T000000-aaaaaaa"
RUNNING = [(LIVE, "web"), (LIVE, "worker")]
BROKEN = {"id": "deploykit.E403", "level": "ERROR", "message": "the database is not there"}


def result(*findings: Document) -> CheckResult:
    report = {"findings": list(findings)}
    return read(CheckResult, {"code": int(bool(findings)), "report": report}, "check")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    processes = (Process("web", "gunicorn"), Process("worker", "celery"))
    stage_by_hand(tmp_path, make_manifest((), release_id=LIVE, processes=processes).dumps(), LIVE)
    made = Site("shop", tmp_path, tmp_path / "etc", tmp_path / "var", listen=":1", boot=1)
    os.symlink(f"releases/{LIVE}", made.current)
    return made


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the site's pages answer."""
    answers = {"/": 200}
    monkeypatch.setattr(probing, "ask", lambda _, path, *__, **___: Response(answers[path]))
    return answers


def run(site: Site, supervisor: FakeSupervisor, found: CheckResult) -> JournalRecord:
    return restart(site, supervisor, LIVE, found, "ann@web1", lambda _: None)


def test_a_release_that_is_well_is_fine(site: Site) -> None:
    validate_live(site, FakeSupervisor(RUNNING), LIVE, result())


def test_everything_that_is_wrong_is_listed(site: Site, pages: dict[str, int]) -> None:
    pages["/"] = 500
    with pytest.raises(Problems) as caught:
        validate_live(site, FakeSupervisor(RUNNING), LIVE, result(BROKEN))
    assert caught.value.problems == (
        "deploykit.E403: the database is not there",
        "GET / answered 500",
    )
    assert str(site.ini) in caught.value.hint


def test_processes_that_are_gone_are_a_problem(site: Site) -> None:
    with pytest.raises(Problems, match="no web process runs"):
        validate_live(site, FakeSupervisor(), LIVE, result())


def test_a_restart_is_done_also_if_the_journal_cannot_be_written(
    site: Site, pages: dict[str, int]
) -> None:
    site.journal.mkdir()
    assert run(site, FakeSupervisor(RUNNING), result()).result == "done"
    pages["/"] = 500
    with pytest.raises(DeployKitError, match="GET / answered 500"):
        run(site, FakeSupervisor(RUNNING), result())


def test_a_restart_ends_the_processes_and_starts_them_again(site: Site) -> None:
    supervisor = FakeSupervisor(RUNNING)
    assert run(site, supervisor, result()).result == "done"
    assert supervisor.calls == [f"stop {LIVE} web worker", f"start {LIVE} web worker"]
    assert sorted(supervisor.running) == RUNNING
    (record,) = read_journal(site.journal)
    assert (record.action, record.release, record.owner) == ("restart", LIVE, "ann@web1")


def test_a_broken_configuration_leaves_the_processes_as_they_are(site: Site) -> None:
    supervisor = FakeSupervisor(RUNNING)
    with pytest.raises(Problems, match="nothing was restarted") as caught:
        run(site, supervisor, result(BROKEN))
    assert caught.value.exit_code == REFUSED
    assert supervisor.calls == []


def test_a_site_that_does_not_come_back_is_said_and_written_down(
    site: Site, pages: dict[str, int]
) -> None:
    pages["/"] = 500
    with pytest.raises(DeployKitError, match="was restarted, but it is not healthy") as caught:
        run(site, FakeSupervisor(RUNNING), result())
    assert caught.value.exit_code == HALF_DONE
    assert "GET / answered 500" in caught.value.message
    assert [one.result for one in read_journal(site.journal)] == ["failed"]
