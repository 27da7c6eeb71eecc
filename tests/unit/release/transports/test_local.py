"""Verbs as processes of this machine."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.local import Local, environment
from django_deploykit.release.upload import frame
from django_deploykit.runtime.base.errors import LOCKED
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import FACTS, HOLD, PREPARE, Held, PrepareResult
from django_deploykit.runtime.wire.releasing import RECEIVE, SETTLE, STAGE


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "local"
    return Site(
        "shop", folder / "srv", folder / "etc", folder / "var", supervisor="plain", listen=":0"
    )


@pytest.fixture
def local(site: Site) -> Iterator[Local]:
    transport = Local(site.root, runtime_archive())
    yield transport
    transport.close()


@pytest.fixture
def ready(local: Local, site: Site) -> Local:
    sample = b"[django]\nsecret_key = {generate}\n[database]\nurl =\n"
    prepared = local.call(PREPARE, "--site", site.dumps(), stream=io.BytesIO(sample))
    assert prepared == PrepareResult(("[django] secret_key",))
    return local


def test_asking_leaves_nothing_behind(local: Local, tmp_path: Path) -> None:
    facts = local.call(FACTS, "--python", "3.99")
    assert (facts.setup, facts.python) == (False, "")
    local.close()
    assert list(tmp_path.iterdir()) == []


def test_prepares_once_and_never_touches_the_configuration_again(ready: Local, site: Site) -> None:
    text = site.ini.read_text()
    assert site.ini.stat().st_mode & 0o777 == 0o600
    assert "{generate}" not in text
    ready.call(PREPARE, "--site", site.dumps(), stream=io.BytesIO(b"[other]\nx = 1\n"))
    assert site.ini.read_text() == text
    facts = ready.call(FACTS, "--python", "")
    assert (facts.setup, facts.live, facts.layers) == (True, None, frozenset())
    assert facts.site == site.dumps()


def test_a_verbs_error_arrives_as_it_was(ready: Local) -> None:
    with pytest.raises(DeployKitError) as caught:
        ready.call(STAGE, "--release", "20261101T000000-aaaaaaa")
    assert "was not sent here" in caught.value.message
    assert not isinstance(caught.value, LostError)


def test_a_verb_that_dies_is_lost_with_its_last_words(ready: Local) -> None:
    with pytest.raises(LostError) as caught:
        ready.call(STAGE, "--release", "; rm -rf /")
    assert "is not a release id" in caught.value.hint


def test_the_lock_is_told_with_the_facts_and_refused_to_others(ready: Local) -> None:
    reader, writer = os.pipe()
    held = threading.Event()
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        held.set()

    def hold() -> None:
        with os.fdopen(reader, "rb", buffering=0) as stream:
            ready.call(
                HOLD,
                "--owner",
                "ann",
                "--facts",
                stream=stream,
                on_event=tell,
            )

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    assert isinstance(told[0], Held)
    assert told[0].facts is not None
    assert told[0].facts.live is None
    with pytest.raises(DeployKitError) as caught:
        ready.call(HOLD, "--owner", "bob", stream=io.BytesIO())
    assert caught.value.exit_code == LOCKED
    os.close(writer)
    thread.join(60)
    assert ready.call(FACTS).lock is None


def test_waiting_for_the_lock_ends_with_the_one_who_waits(ready: Local, site: Site) -> None:
    from django_deploykit.runtime.base import deploy_lock

    with (
        deploy_lock.hold(site.root / "lock", deploy_lock.LockNote(owner="ann")),
        pytest.raises(DeployKitError) as caught,
    ):
        ready.call(HOLD, "--owner", "bob", "--wait", "600", stream=io.BytesIO())
    assert caught.value.exit_code == LOCKED


def test_an_interrupt_cuts_what_is_sent(ready: Local) -> None:
    sending = threading.Event()

    class Slow(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            if sending.is_set():
                time.sleep(0.001)
                return b"x"
            sending.set()
            return frame("manifest", size=1 << 20)

    def interrupt() -> None:
        sending.wait(60)
        ready.interrupt()

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(DeployKitError, match="the connection ended during the transfer"):
        ready.call(RECEIVE, stream=Slow())  # type: ignore[arg-type]
    interrupter.join()


def test_verbs_that_change_the_site_wait_for_one_that_is_left_over(
    ready: Local, site: Site
) -> None:
    from django_deploykit.runtime.base import deploy_lock

    waiting = threading.Event()
    events: list[str] = []

    def note(event: Event) -> None:
        events.append(str(event))
        waiting.set()

    with deploy_lock.hold(site.root / "switch.lock", deploy_lock.LockNote(what="migrate", pid=123)):
        thread = threading.Thread(target=lambda: ready.call(SETTLE, on_event=note))
        thread.start()
        assert waiting.wait(60)
    thread.join(60)
    assert events == ["wait until process 123 has ended: migrate"]


def test_a_release_whose_manifest_was_torn_is_staged_anew(ready: Local, site: Site) -> None:
    release = "20260101T000000-abc1234"
    target = site.releases / release
    target.mkdir(parents=True)
    (target / "manifest.json").write_text("")
    with pytest.raises(DeployKitError, match="was not sent here"):
        ready.call(STAGE, "--release", release)
    assert not target.exists()
    target.mkdir()
    (target / "manifest.json").write_text("")
    site.current.symlink_to(f"releases/{release}")
    with pytest.raises(DeployKitError):
        ready.call(STAGE, "--release", release)
    assert target.exists()  # what is live is never taken away


def test_a_release_does_not_get_the_developer_s_settings() -> None:
    chosen = {"DJANGO_SETTINGS_MODULE": "shop.dev", "DJANGO_CONFIGURATION": "Development"}
    assert environment({**chosen, "PATH": "/bin"}) == {"PATH": "/bin"}
