"""The switch: one of the two releases serves, whatever fails."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Sequence
from dataclasses import replace

import pytest

from django_deploykit.runtime.base.errors import HALF_DONE, TAKEN_BACK, DeployKitError
from django_deploykit.runtime.base.probe import Response
from django_deploykit.runtime.base.site import Site, live_release
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.deploy import probing
from django_deploykit.runtime.deploy import switch as switching
from django_deploykit.runtime.deploy.switch import Change, settle, switch, without_interrupts
from django_deploykit.runtime.wire.events import Event, HostWarning
from django_deploykit.runtime.wire.journal import read_journal
from tests.bundles import make_manifest
from tests.unit.runtime.deploy.two_releases import CHANGE, NEW, OLD, answers, serving, silent, site
from tests.unit.runtime.fake_supervisor import FakeSupervisor

__all__ = ["answers", "site"]


def test_every_page_must_answer_well(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"/": 200, "/admin/login/": 200}
    monkeypatch.setattr(probing, "ask", lambda _, path, *__, **___: Response(pages[path]))
    several = replace(site, health="/admin/login/ /")
    switch(several, FakeSupervisor(serving(OLD)), CHANGE, silent)
    pages["/"] = 500
    with pytest.raises(DeployKitError, match="GET / answered 500"):
        switch(several, FakeSupervisor(serving(NEW)), Change(OLD, NEW, "release"), silent)
    assert live_release(site) == NEW


def test_the_new_release_takes_over_and_the_old_one_is_gone(site: Site) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    record = switch(site, supervisor, CHANGE, silent)
    assert sorted(supervisor.running) == serving(NEW)
    assert supervisor.enabled == (NEW, ("web", "worker"))
    assert live_release(site) == NEW
    assert (record.result, record.before) == ("live", OLD)
    assert read_journal(site.journal)[-1].release == NEW
    assert not (site.root / "switching.json").exists()


class ReadOnlyDisk:
    """Functions of os that write, on a disk that became read-only, as ext4 does after an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("symlink", "replace", "unlink", "pwrite", "write", "ftruncate"):
            monkeypatch.setattr(os, name, self.fail)

    def fail(self, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class Hardened(FakeSupervisor):
    """A supervisor that makes the disk read-only when it starts the new release."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, running: list[tuple[str, str]]) -> None:
        super().__init__(running)
        self.monkeypatch = monkeypatch

    def start(self, release: str, processes: Sequence[str]) -> None:
        super().start(release, processes)
        if release == NEW:
            ReadOnlyDisk(self.monkeypatch)


def test_a_disk_that_becomes_read_only_takes_the_switch_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Hardened(monkeypatch, serving(OLD))
    with pytest.raises(DeployKitError, match="Read-only file system") as caught:
        switch(site, supervisor, CHANGE, silent)
    assert caught.value.exit_code == TAKEN_BACK
    assert sorted(supervisor.running) == serving(OLD)
    assert live_release(site) == OLD
    monkeypatch.undo()
    assert (site.root / "switching.json").exists()
    monkeypatch.setattr(probing, "ask", lambda *_, **__: Response(200))
    assert settle(site, supervisor, silent) == OLD
    assert not (site.root / "switching.json").exists()
    assert sorted(supervisor.running) == serving(OLD)


@pytest.mark.parametrize("stopped", [True, False])
def test_visitors_do_not_start_the_old_release_of_a_stopped_site(site: Site, stopped: bool) -> None:
    supervisor = FakeSupervisor([] if stopped else serving(OLD))
    switch(site, supervisor, CHANGE, silent)
    enabled, started = f"enable {NEW}", f"start {NEW} web"
    assert (supervisor.calls.index(enabled) < supervisor.calls.index(started)) is stopped
    assert supervisor.enabled == (NEW, ("web", "worker"))


def test_hashed_files_of_both_are_there_before_it_starts_whichever_way_it_goes(site: Site) -> None:
    processes = (Process("web", "gunicorn"),)
    names = {OLD: "base.aaaaaaaaaaaa.css", NEW: "base.bbbbbbbbbbbb.css"}
    for release, name in names.items():
        folder = site.releases / release
        manifest = make_manifest(
            (), release_id=release, processes=processes, static_root="app/static"
        )
        (folder / "manifest.json").chmod(0o644)
        (folder / "manifest.json").write_text(manifest.dumps())
        (folder / "app/static/css").mkdir(parents=True)
        (folder / "app/static/css" / name).write_text(release)
        (folder / "app/static/css/base.css").write_text(release)
    for change in (CHANGE, Change(OLD, NEW, "rollback")):
        switch(site, FakeSupervisor([(str(change.before), "web")]), change, silent)
        static = site.current / "app/static/css"
        assert {path.name: path.read_text() for path in static.iterdir()} == {
            **{name: release for release, name in names.items()},
            "base.css": change.to,
        }


def test_new_web_comes_before_old_web_ends_and_old_workers_end_before_new_begin(
    site: Site,
) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    switch(site, supervisor, CHANGE, silent)
    assert supervisor.calls == [
        f"start {NEW} web",
        f"stop {OLD} worker",
        f"start {NEW} worker",
        f"enable {NEW}",
        f"stop {OLD} web",
    ]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(5))
def test_a_failure_at_any_step_brings_the_old_release_back(
    site: Site, step: int, after: bool
) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.fails, supervisor.after = step, after
    with pytest.raises(DeployKitError) as caught:
        switch(site, supervisor, CHANGE, silent)
    assert caught.value.exit_code == TAKEN_BACK
    assert "it fell" in caught.value.message
    assert f"{OLD} serves as before" in caught.value.message
    assert "ouch" in caught.value.hint
    assert sorted(supervisor.running) == serving(OLD)
    assert live_release(site) == OLD
    assert read_journal(site.journal)[-1].result == "failed"
    assert not (site.root / "switching.json").exists()
    switch(site, supervisor, CHANGE, silent)
    assert sorted(supervisor.running) == serving(NEW)


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("running", [serving(OLD), [(OLD, "web")], []])
def test_no_failure_stops_the_release_that_is_live(
    site: Site, step: int, running: list[tuple[str, str]]
) -> None:
    supervisor = FakeSupervisor(running)
    supervisor.fails = step
    with pytest.raises(DeployKitError) as caught:
        switch(site, supervisor, replace(CHANGE, to=OLD, action="rollback"), silent)
    assert caught.value.exit_code == TAKEN_BACK
    assert f"{OLD} was live before and stays live" in caught.value.message
    assert "serves" not in caught.value.message
    assert not [call for call in supervisor.calls if call.startswith("stop")]
    assert sorted(supervisor.running) == serving(OLD)
    assert live_release(site) == OLD
    assert not (site.root / "switching.json").exists()


def test_a_live_release_that_cannot_start_does_not_stand_in_the_way_of_the_next(
    site: Site,
) -> None:
    supervisor = FakeSupervisor()
    supervisor.start = _refuse  # type: ignore[method-assign]
    with pytest.raises(DeployKitError, match="it does not start") as caught:
        switch(site, supervisor, replace(CHANGE, to=OLD), silent)
    assert caught.value.exit_code == TAKEN_BACK
    del supervisor.start
    switch(site, supervisor, CHANGE, silent)
    assert sorted(supervisor.running) == serving(NEW)


def _refuse(release: str, processes: Sequence[str]) -> None:
    raise DeployKitError("it does not start")


def test_the_record_of_a_switch_needs_no_new_file_the_next_time(site: Site) -> None:
    switch(site, FakeSupervisor(serving(OLD)), CHANGE, silent)
    spare = (site.root / "spare.json").stat()
    switching._note(site, CHANGE, "started")
    noted = (site.root / "switching.json").stat()
    assert (noted.st_ino, noted.st_size) == (spare.st_ino, spare.st_size)
    assert not (site.root / "spare.json").exists()


def test_a_switch_leaves_no_temporary_file(site: Site) -> None:
    switch(site, FakeSupervisor(serving(OLD)), CHANGE, silent)
    assert sorted(path.name for path in site.root.iterdir()) == [
        *("current", "journal.jsonl", "releases", "spare.json")
    ]


def test_a_live_release_that_was_restarted_earlier_can_be_released_again(site: Site) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.restarted[OLD] = 3
    switch(site, supervisor, replace(CHANGE, to=OLD), silent)
    assert sorted(supervisor.running) == serving(OLD)


def test_a_new_release_that_was_restarted_is_not_let_in(site: Site) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.restarted[NEW] = 1
    with pytest.raises(DeployKitError, match="died during its verification"):
        switch(site, supervisor, CHANGE, silent)
    assert sorted(supervisor.running) == serving(OLD)


def test_ctrl_c_takes_it_back(site: Site) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.fails, supervisor.error = 2, KeyboardInterrupt()
    with pytest.raises(DeployKitError, match="it was interrupted"):
        switch(site, supervisor, CHANGE, silent)
    assert sorted(supervisor.running) == serving(OLD)


def test_ctrl_c_is_not_heard_while_it_is_taken_back() -> None:
    with without_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_what_cannot_be_taken_back_is_said_and_left_to_be_settled(site: Site) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.fails = 0
    real = supervisor.start

    def start(release: str, processes: list[str]) -> None:
        if release == OLD:
            raise DeployKitError("the old one is broken too")
        real(release, processes)

    supervisor.start = start  # type: ignore[method-assign,assignment]
    with pytest.raises(DeployKitError) as caught:
        switch(site, supervisor, CHANGE, silent)
    assert caught.value.exit_code == HALF_DONE
    assert "the old one is broken too" in caught.value.message
    assert (site.root / "switching.json").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(500), "GET / answered 500"),
        (Response(400), "ALLOWED_HOSTS"),
        (Response(0, problem="refused"), "got no response: refused"),
        (Response(301, location="https://localhost/"), "redirects to itself"),
    ],
)
def test_an_unhealthy_release_is_not_let_in(
    site: Site, answers: list[Response], answer: Response, words: str
) -> None:
    answers[:] = [answer]
    supervisor = FakeSupervisor(serving(OLD))
    with pytest.raises(DeployKitError) as caught:
        switch(replace(site, boot=0.2), supervisor, CHANGE, silent)
    assert words in caught.value.message
    assert f"web of {NEW} says ouch" in caught.value.hint
    assert f"stop {OLD} web" not in supervisor.calls
    assert sorted(supervisor.running) == serving(OLD)


def test_a_release_that_is_slow_to_come_up_is_waited_for(
    site: Site, answers: list[Response]
) -> None:
    answers[:] = [Response(0, problem="refused"), Response(503), Response(502), Response(200)]
    switch(site, FakeSupervisor(serving(OLD)), CHANGE, silent)
    assert live_release(site) == NEW


def test_a_first_release_that_fails_leaves_nothing(site: Site) -> None:
    site.current.unlink()
    supervisor = FakeSupervisor()
    supervisor.fails, supervisor.after = 1, True
    with pytest.raises(DeployKitError, match="nothing was live before"):
        switch(site, supervisor, replace(CHANGE, before=None), silent)
    assert supervisor.running == []
    assert live_release(site) is None


def test_an_old_process_that_had_to_be_killed_is_told(site: Site) -> None:
    told: list[str] = []
    supervisor = FakeSupervisor(serving(OLD))
    supervisor.stubborn = {"worker"}

    def tell(event: Event) -> None:
        told.extend([event.text] if isinstance(event, HostWarning) else [])

    switch(site, supervisor, CHANGE, tell)
    assert told == [
        (
            f"worker of {OLD} did not finish within 30 s and was killed; "
            "to wait longer, set `drain` in deploykit.ini, "
            "then run `manage.py release ENVIRONMENT setup`"
        )
    ]
    assert sorted(supervisor.running) == serving(NEW)


def test_a_journal_that_cannot_be_written_does_not_undo_a_switch(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("django_deploykit.runtime.wire.journal.append", full)
        switch(site, FakeSupervisor(serving(OLD)), CHANGE, lambda event: told.append(event.name))
    assert "warning" in told
    supervisor = FakeSupervisor(serving(NEW))
    assert settle(site, supervisor, silent) == NEW
    assert read_journal(site.journal)[-1].release == NEW


def test_an_answer_from_another_releases_socket_counts_for_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = FakeSupervisor(serving(OLD))
    path = site.root / "probe.sock"
    path.symlink_to(site.root / "probe-of-old.sock")
    monkeypatch.setattr(supervisor, "probe_address", lambda _: str(path))
    with pytest.raises(DeployKitError, match="another release may have answered") as caught:
        switch(site, supervisor, CHANGE, silent)
    assert caught.value.exit_code == TAKEN_BACK
    assert sorted(supervisor.running) == serving(OLD)
    assert live_release(site) == OLD


def test_only_the_processes_of_the_hosts_roles_run(site: Site) -> None:
    supervisor = FakeSupervisor([(OLD, "worker")])
    switch(replace(site, roles=("worker",)), supervisor, CHANGE, silent)
    assert supervisor.running == [(NEW, "worker")]
