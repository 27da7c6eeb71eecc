"""The verbs that people look at a site with."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.cli.verbs import find_verb
from django_deploykit.runtime.deploy.switch import point
from django_deploykit.runtime.supervisors.local import LocalSupervisor
from django_deploykit.runtime.supervisors.local_daemon import run_folder
from django_deploykit.runtime.wire.journal import JournalRecord, append
from django_deploykit.runtime.wire.operating import (
    CancelResult,
    EndResult,
    HistoryResult,
    HostStatus,
    InstanceStatus,
    WatchResult,
)
from tests.bundles import make_manifest
from tests.unit.runtime.cli.verbs.conftest import Invoke
from tests.unit.runtime.fake_supervisor import stage_by_hand
from tests.waiting import until

RELEASE, OTHER = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"


def test_a_site_without_a_release_has_a_status(invoke: Invoke) -> None:
    found = HostStatus(live=None, listen=":0", answers=False, problem="nothing is live")
    assert invoke("status") == found


@pytest.mark.parametrize(("answers", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_of_status_says_whether_the_site_answers(answers: bool, code: int) -> None:
    verb = find_verb("status")
    assert verb is not None
    assert verb.exit_code(HostStatus(live=RELEASE, listen=":0", answers=answers)) == code


def test_processes_that_are_gone_are_in_the_status(invoke: Invoke, site: Site) -> None:
    manifest = make_manifest((), release_id=RELEASE, processes=(Process("web", "gunicorn"),))
    stage_by_hand(site.root, manifest.dumps(), RELEASE)
    point(site, RELEASE)
    found = invoke("status")
    assert isinstance(found, HostStatus)
    assert found.instances == (InstanceStatus(RELEASE, "web", active=False),)
    assert (found.answers, found.problem) == (False, "no web process runs")


@pytest.mark.parametrize("text", [None, "{"])
def test_a_release_without_its_manifest_has_a_status(
    text: str | None, invoke: Invoke, site: Site
) -> None:
    manifest = make_manifest((), release_id=RELEASE, processes=(Process("web", "gunicorn"),))
    stage_by_hand(site.root, manifest.dumps(), RELEASE)
    point(site, RELEASE)
    path = site.releases / RELEASE / "manifest.json"
    path.unlink()
    if text:
        path.write_text(text)
    found = invoke("status")
    assert isinstance(found, HostStatus)
    assert (found.live, found.answers) == (RELEASE, False)
    assert found.problem.startswith(f"{path}")
    assert "Put this release, or another one, live again" in found.problem


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (HostStatus(live=RELEASE, listen=":0", answers=True), ""),
        (HostStatus(live=None, listen=":0"), "release ENVIRONMENT"),
        (HostStatus(live=RELEASE, listen=":0", problem="x"), "release ENVIRONMENT logs` shows why"),
    ],
)
def test_the_next_step_depends_on_the_status(found: HostStatus, words: str) -> None:
    verb = find_verb("status")
    assert verb is not None
    assert words in verb.next_step(found)


def test_history_is_the_journal(invoke: Invoke, site: Site) -> None:
    append(site.journal, JournalRecord("release", "a", "live"))
    found = invoke("history")
    assert isinstance(found, HistoryResult)
    assert [one.release for one in found.records] == ["a"]


def test_history_ends_with_a_release_that_was_interrupted(invoke: Invoke, site: Site) -> None:
    append(site.journal, JournalRecord("migrate", "a", "done"))
    with deploy_lock.hold(
        site.root / "lock", deploy_lock.LockNote(owner="ann", release="a")
    ) as lock:
        lock.lost = True
    found = invoke("history")
    assert isinstance(found, HistoryResult)
    assert [(one.action, one.result) for one in found.records] == [
        ("migrate", "done"),
        ("release", "failed"),
    ]
    assert found.records[-1].owner == "ann"


def test_nothing_live_is_nothing_to_watch(invoke: Invoke) -> None:
    assert invoke("watch") == WatchResult()


@pytest.mark.parametrize("argv", [["logs"], ["restart"], ["exec", "--", "check"]])
def test_nothing_live_needs_a_release_that_is_named(invoke: Invoke, argv: list[str]) -> None:
    with pytest.raises(DeployKitError, match="nothing is live here") as caught:
        invoke(*argv)
    assert caught.value.hint == "Put a release live: manage.py release ENVIRONMENT"


@pytest.fixture
def live(site: Site) -> str:
    """A release that is live; returns its id."""
    manifest = make_manifest((), processes=(Process("web", "gunicorn"), Process("worker", "work")))
    folder = site.releases / manifest.release_id
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest.dumps())
    site.current.symlink_to(f"releases/{manifest.release_id}")
    return manifest.release_id


def test_logs_of_a_process_that_is_not_there_name_those_that_are(
    invoke: Invoke, site: Site, live: str
) -> None:
    with pytest.raises(DeployKitError, match="no process 'wrb' on this host") as caught:
        invoke("logs", "--process", "wrb")
    assert caught.value.hint == "Its processes here: web, worker"
    (site.root / "site.json").write_text(replace(site, roles=("web",)).dumps())
    with pytest.raises(DeployKitError, match="no process 'worker' on this host"):
        invoke("logs", "--process", "worker")


def test_a_command_that_runs_is_in_the_status_and_can_be_ended(invoke: Invoke, site: Site) -> None:
    script = site.releases / RELEASE / "bin" / "shop"
    script.parent.mkdir(parents=True)
    (site.releases / RELEASE / "app").mkdir()
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    supervisor = LocalSupervisor(site, [])
    with supervisor.command(RELEASE, ["migrate"], {}).start() as process:
        status = invoke("status")
        assert isinstance(status, HostStatus)
        (one,) = status.commands
        assert (one.release, one.name) == (RELEASE, "migrate")
        until(lambda: len(record_lines(site, one.id)) == 2)
        assert invoke("cancel", one.id) == CancelResult(one)
        assert process.wait() == -signal.SIGTERM
    with pytest.raises(DeployKitError, match=f"no command {one.id} runs here"):
        invoke("cancel", one.id)


def record_lines(site: Site, command: str) -> list[str]:
    return (run_folder(site.root) / f"command-{command}").read_text().splitlines()


def test_ending_what_does_not_run_is_no_error(invoke: Invoke) -> None:
    assert invoke("end") == EndResult(ended=False)


def test_what_systemd_runs_is_stopped_by_systemd(invoke: Invoke, site: Site) -> None:
    (site.root / "site.json").write_text(replace(site, supervisor="systemd").dumps())
    with pytest.raises(DeployKitError, match="under systemd") as caught:
        invoke("end")
    assert "sudo systemctl stop shop.service shop.socket" in caught.value.hint


def test_a_command_needs_a_release_that_is_staged(invoke: Invoke, site: Site) -> None:
    stage_by_hand(site.root, make_manifest((), release_id=OTHER).dumps(), OTHER)
    with pytest.raises(DeployKitError, match=f"{RELEASE} is not staged here") as caught:
        invoke("exec", "--release", RELEASE, "--", "check")
    assert caught.value.hint == f"Staged: {OTHER}."
