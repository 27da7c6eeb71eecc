"""Faults around a release to one host, while requests flow: of sshd, disks, clocks, layers, processes, people.

``DEPLOYKIT_LAB=all`` is as patient with silence as the product, and tries all moments.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.fleet import Controller, Done, live
from tests.lab.hosts import Host
from tests.lab.striking import (
    ALL,
    OPTIONS,
    Struck,
    check_outcome,
    completes,
    file_on,
    forget,
    left_over,
    name_of,
    other,
    serves,
    signal_sessions,
    stopped_sshd,
    struck,
    to,
)
from tests.load import Load

PATIENCE = "0" if ALL else "5"  # seconds for which silence is borne; 0: as the product bears it


def test_sshd_that_hangs_before(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    with stopped_sshd(host):
        done = Struck(controller, to(controller, target), "", FAULT_PATIENCE=PATIENCE).end()
    assert done.code == 1
    assert host.address in done.data["error"]["message"]
    completes(controller, host, target)


@pytest.mark.parametrize(
    "moment", ["during:receive", "event:switch:start", *(["during:stage"] if ALL else [])]
)
def test_a_session_that_hangs(controller: Controller, host: Host, flow: Load, moment: str) -> None:
    before, target = live(host), other(controller, host)
    forget(controller, host, target)
    with struck(controller, target, moment, FAULT_PATIENCE=PATIENCE) as one:
        signal_sessions(host, "STOP")
        done = one.end()
    assert done.code in (0, 1, 4), done
    check_outcome(controller, host, done, target, name_of(controller, before))
    completes(controller, host, target, "--wait", "90")
    signal_sessions(host, "KILL")


@contextmanager
def small_disk(host: Host, spare: str) -> Iterator[None]:
    """Let the site lie on a small disk of its own while the block runs."""
    size = f"$(( $(du -sm /srv/shop | cut -f1) + {spare} ))m"
    host.run(
        f"mount -t tmpfs -o size={size} small /mnt && cp -a /srv/shop/. /mnt "
        "&& mount --bind /mnt /srv/shop && umount /mnt"
    )
    try:
        yield
    finally:
        host.run(
            "mkdir -p /root/under && mount --bind /srv /root/under && rm -rf /root/under/shop/* "
            "&& cp -a /srv/shop/. /root/under/shop && umount /root/under && umount -l /srv/shop"
        )


@pytest.mark.parametrize("moment", ["before:receive", "before:stage"])
def test_a_disk_that_is_full(controller: Controller, host: Host, flow: Load, moment: str) -> None:
    before, target = live(host), other(controller, host)
    forget(controller, host, target)
    with small_disk(host, "150"):
        with struck(controller, target, moment) as one:
            host.run("cat /dev/zero > /srv/shop/filler || true", user="deploy")
            done = one.end()
        assert done.code == 1
        assert "No space left" in done.data["error"]["message"]
        assert live(host) == before
        assert [path for path in left_over(host) if "inbox" not in path] == []
        refused = controller.release(target)
        assert refused.code == 1
        assert "MiB are needed" in refused.data["error"]["message"]
        host.run("rm /srv/shop/filler")
        completes(controller, host, target)


def test_a_rollback_on_a_full_disk(controller: Controller, host: Host, flow: Load) -> None:
    before, target = live(host), other(controller, host)
    completes(controller, host, target)
    with small_disk(host, "150"):  # the release at the end needs 64 MiB
        host.run("cat /dev/zero > /srv/shop/filler || true", user="deploy")
        done = controller.run("rollback", before, "--noinput", "--json").well()
        assert serves(host) == before
        assert (
            done.data["warnings"]
            == [
                f"{name}: /srv/shop/journal.jsonl cannot be written: No space left on device"
                for name in done.data["live"]
            ]
            or done.data["warnings"] == []
        )  # a few bytes may be left in its last block
        controller.run("rollback", controller.id(target), "--noinput", "--json").well()
        assert serves(host) == controller.id(target)
        assert controller.run("status").code == 0
        host.run("rm /srv/shop/filler")
        completes(controller, host, name_of(controller, before))


def test_a_rollback_to_files_that_changed(controller: Controller, host: Host, flow: Load) -> None:
    before, target = live(host), other(controller, host)
    completes(controller, host, target)
    # The file is shared with the release that is live, so it is one that nothing imports.
    path = f"/srv/shop/releases/{before}/"
    name = host.run(f"find {path} -path '*/django-[0-9]*/METADATA' | head -1").strip()
    host.run(f"printf X | dd of={name} bs=1 seek=100 conv=notrunc status=none", user="deploy")
    done = controller.run("rollback", before, "--noinput", "--json")
    assert done.code == 1
    assert "/METADATA" in next(iter(done.data["errors"].values()))
    assert serves(host) == controller.id(target)
    completes(controller, host, name_of(controller, before))


def test_a_layer_that_changes_on_the_wire(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    forget(controller, host, target)
    Struck(controller, to(controller, target), "", FAULT_FLIP=400_000).end().well()
    assert serves(host) == controller.id(target)
    assert left_over(host) == []


def test_a_stream_that_changes_on_the_wire(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    forget(controller, host, target)
    done = Struck(controller, to(controller, target), "", FAULT_FLIP=3).end()
    assert done.code == 1
    assert "damaged" in done.data["error"]["message"]
    completes(controller, host, target)


def test_a_layer_that_changed_in_the_store(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    name = host.run("find /srv/shop/store -path '*/django-[0-9]*/METADATA' | head -1").strip()
    host.run(f"printf X | dd of={name} bs=1 seek=100 conv=notrunc status=none", user="deploy")
    done = completes(controller, host, target)
    assert "damaged" in done.err
    assert host.run(f"head -c 101 {name} | tail -c 1") != "X"


@pytest.mark.parametrize("mood", ["ill", "hangs", "old"])
def test_a_health_check_that_fails(
    controller: Controller, host: Host, flow: Load, mood: str
) -> None:
    before, target = live(host), other(controller, host)
    with file_on(host, f"/var/lib/shop/{'ill' if mood == 'old' else mood}", controller.id(target)):
        if mood == "old":
            done = mistaken(controller, host, target, before)
        else:
            done = controller.release(target)
        assert done.code == 4
        assert set(done.data["live"].values()) == {before}
        assert live(host) == before
    completes(controller, host, target)


def mistaken(controller: Controller, host: Host, target: str, before: str) -> Done:
    """Release while the old release answers where the new one is asked."""
    old, new = (f"/run/shop/probe-{one}.sock" for one in (before, controller.id(target)))
    drop_in = "/run/systemd/system/shop-web@.service.d/mistaken.conf"
    with file_on(host, drop_in, f"[Service]\nExecStartPost=+/bin/ln -sf {old} {new}\n"):
        host.run("systemctl daemon-reload")
        done = controller.release(target)
    host.run("systemctl daemon-reload")
    return done


def test_a_worker_that_does_not_stop(controller: Controller, host: Host, flow: Load) -> None:
    before, target = live(host), other(controller, host)
    with file_on(host, "/var/lib/shop/stubborn"):
        completes(controller, host, target)
    assert "Killing process" in host.run(f"journalctl --no-pager -u shop-worker@{before}")


def test_a_clock_that_is_wrong_by_a_day(controller: Controller, host: Host, flow: Load) -> None:
    before, target = live(host), other(controller, host)
    # A module of Python's own that every verb that looks at the host loads; few modules are.
    path = host.run("python3 -ISBc 'import json; print(json.__file__)'").strip()
    whole = host.run(f"cat {path}")
    shifted = f"{whole}\nimport time\n_now = time.time\ntime.time = lambda: _now() - 86400\n"
    try:
        host.run(f"cat > {path}", data=shifted)
        refused = controller.release(target)
    finally:
        host.run(f"cat > {path}", data=whole)
    assert refused.code == 1
    assert "its clock is wrong by 24 hours" in refused.data["error"]["message"]
    assert live(host) == before
    completes(controller, host, target)


def test_two_people_at_once(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    with struck(controller, target, "during:stage") as first:
        refused = controller.release(target)
        assert refused.code == 3
        assert "another release holds the deploy lock" in refused.data["error"]["message"]
        second = Struck(controller, to(controller, target, "--wait", "60"), "")
        time.sleep(1)
        first.end().well()
        assert second.end().well().data["changed"] is False
    assert live(host) == controller.id(target)


def test_an_older_commit(controller: Controller, host: Host) -> None:
    controller.write_ini(f"{OPTIONS}\nallow_breaking_migrations = yes")
    try:
        completes(controller, host, "narrow")
    finally:
        controller.write_ini(OPTIONS)
    refused = controller.release("one")
    assert refused.code == 1
    message = refused.data["error"]["message"]
    assert "break the older release" in message
    assert live(host) == controller.id("narrow")
    (command,) = [line for line in message.splitlines() if "exec --" in line]
    controller.run("exec", "--", *command.partition("exec -- ")[2].split()).well()
    completes(controller, host, "one")
