"""Faults while requests flow, on one host: the site answers, and the same command again completes.

By default each fault is tried at a few moments; ``DEPLOYKIT_LAB=all`` tries all, which takes long.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.conftest import Fleet
from tests.lab.fleet import PORT, Controller, Done, fill_in, live
from tests.lab.hosts import Host
from tests.lab.striking import (
    ALL,
    STRIKES,
    Struck,
    completes,
    cut_power,
    file_on,
    forget,
    judge,
    kill_controller,
    left_over,
    other,
    serves,
    signal_sessions,
    to,
)
from tests.load import Load

PATIENCE = "0" if ALL else "5"  # seconds for which silence is borne; 0: as the product bears it
PIPES: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
PLACES = ("before", "during", "after")
SWITCH = ("start", "verify", "drain", "switched")
MOMENTS = (
    *("before:hold", "event:hold:held"),
    *(f"{place}:{verb}" for verb in ("receive", "stage", "check", "prune") for place in PLACES),
    "event:receive:received",
    *("before:switch", *(f"event:switch:{event}" for event in SWITCH), "after:switch"),
)
# One that halts a while after the host has begun, so that it is in the middle of its work.
FEW = {
    "killed": ("event:receive:received", "during:stage", "event:switch:verify", "during:prune"),
    "interrupted": ("during:stage", "event:switch:verify"),
    "session-killed": ("event:receive:received", "event:switch:drain"),
}
CASES = [(strike, moment) for strike in STRIKES for moment in (MOMENTS if ALL else FEW[strike])]


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """One host with ``one`` live and ``two`` known."""
    made = fleet(1)
    made.write_ini("boot = 20\ndrain = 4")
    made.setup().well()
    fill_in(*made.hosts)
    made.release("two").well()
    made.release("one").well()
    return made


@pytest.fixture(scope="module")
def host(controller: Controller) -> Host:
    return controller.hosts[0]


@pytest.fixture
def flow(controller: Controller, host: Host) -> Iterator[Load]:
    """Ask for pages while the test runs; not one may fail."""
    with Load(PORT, "/", host=host.address, connections=3, pause=0.02) as running:
        yield running
    assert running.sent > 20
    assert running.failed == []
    pages = b"".join(running.bodies)
    assert b"</html>" in pages


@contextmanager
def struck(controller: Controller, name: str, at: str, **env: object) -> Iterator[Struck]:
    """Release ``name`` and be at a moment."""
    with Struck(controller, to(controller, name), at, **env) as one:
        if at.startswith("during"):
            time.sleep(0.3)
        yield one


@pytest.mark.parametrize(("strike", "moment"), CASES)
def test_a_release_that_is_cut_off(
    controller: Controller, host: Host, flow: Load, strike: str, moment: str
) -> None:
    before, target = live(host), other(controller, host)
    forget(controller, host, target)
    with struck(controller, target, moment) as one:
        STRIKES[strike](one, host)
        done = one.end()
    assert "Traceback" not in done.err, done.err
    now = live(host)
    assert now in (before, controller.id(target))
    if strike != "killed":
        judge(controller, host, done, target, name_of(controller, before))
        assert done.code in ((130, 4, 0) if strike == "interrupted" else (1, 4, 0)), done
    completes(controller, host, target)


def name_of(controller: Controller, release: str) -> str:
    """Return the name of a release."""
    (name,) = [name for name in ("one", "two", "grown") if controller.id(name) == release]
    return name


@pytest.mark.parametrize("strike", list(STRIKES) if ALL else ["killed"])
@pytest.mark.parametrize("moment", [f"{one}:settle" for one in (PLACES if ALL else ("during",))])
def test_settling_that_is_cut_off(
    controller: Controller, host: Host, flow: Load, strike: str, moment: str
) -> None:
    target = other(controller, host)
    verb = "kill -KILL $(sed -E 's/.*\"pid\": ([0-9]+).*/\\1/' /srv/shop/switch.lock)"
    with struck(controller, target, "event:switch:verify") as one:
        kill_controller(one, host)
        host.run(verb)
        one.end()
    assert "./switching.json" in left_over(host)
    with struck(controller, target, moment) as one:
        STRIKES[strike](one, host)
        one.end()
    completes(controller, host, target)


@pytest.mark.parametrize("strike", list(STRIKES) if ALL else ["killed"])
@pytest.mark.parametrize("moment", [f"{one}:migrate" for one in (PLACES if ALL else ("during",))])
def test_migrations_that_are_cut_off(
    controller: Controller, host: Host, flow: Load, strike: str, moment: str
) -> None:
    before = other(controller, host)
    completes(controller, host, before)
    with file_on(host, "/var/lib/shop/slow"), struck(controller, "grown", moment) as one:
        time.sleep(0.5)
        STRIKES[strike](one, host)
        host.run("rm /var/lib/shop/slow")
        done = one.end()
    if strike != "killed":
        judge(controller, host, done, "grown", before)
    completes(controller, host, "grown")
    go_back(controller, host, before)


def go_back(controller: Controller, host: Host, name: str) -> None:
    """Release an older one, then take the migrations of ``grown`` back."""
    controller.release(name).well()
    helper, token = "/usr/local/libexec/deploykit-shop", "0123456789abcdef"
    host.run(f"{helper} run {controller.id('grown')} {token} -- migrate shop 0001")


def test_a_migration_that_fails_half_way(controller: Controller, host: Host, flow: Load) -> None:
    before = live(host)
    with file_on(host, "/var/lib/shop/unlucky"):
        for _ in range(2):
            done = controller.release("grown")
            assert done.code == 1
            error = done.data["error"]
            assert "nothing was switched" in error["message"]
            assert "there is no note to write" in error["message"] + error["hint"]
            assert live(host) == before
    done = completes(controller, host, "grown")
    assert [line for line in done.data["pending"] if "shop." in line] == [
        "shop.0003_fill_notes on default"
    ]
    go_back(controller, host, name_of(controller, before))


@pytest.mark.parametrize(
    "moment",
    [
        "during:receive",
        "during:stage",
        "during:check",
        "during:migrate",
        "event:switch:verify",
        "event:switch:switched",
    ]
    if ALL
    else ["during:stage", "event:switch:verify"],
)
def test_a_power_cut(controller: Controller, host: Host, moment: str) -> None:
    before, target = live(host), other(controller, host)
    if moment == "during:migrate":
        target = "grown"
    forget(controller, host, target)
    with struck(controller, target, moment) as one:
        cut_power(one, host)
        assert serves(host) in (before, controller.id(target))
        done = one.end()
    judge(controller, host, done, target, name_of(controller, before))
    completes(controller, host, target)
    if target == "grown":
        go_back(controller, host, name_of(controller, before))


def test_sshd_that_hangs_before(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    # A session that is there already needs no new connection; it ends with its standard input.
    script = (
        "p=$(systemctl show -P MainPID ssh); kill -STOP $p; echo stopped; read x; kill -CONT $p"
    )
    shell = subprocess.Popen([*host.ssh(), script], **PIPES)
    assert shell.stdout is not None
    assert shell.stdout.readline() == "stopped\n"
    done = Struck(controller, to(controller, target), "", FAULT_PATIENCE=PATIENCE).end()
    shell.communicate()
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
    judge(controller, host, done, target, name_of(controller, before))
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
    path = host.run("python3 -Ic 'import sitecustomize as s; print(s.__file__)'").strip()
    host.run(f"cp --remove-destination $(readlink -f {path}) /root/site.py; rm {path}")
    shifted = "import time\n_now = time.time\ntime.time = lambda: _now() - 86400\n"
    with file_on(host, path, shifted):
        refused = controller.release(target)
        assert refused.code == 1
        assert "its clock is wrong by 24 hours" in refused.data["error"]["message"]
        assert live(host) == before
    host.run(f"cp /root/site.py {path}")
    completes(controller, host, target)


def test_two_people_at_once(controller: Controller, host: Host, flow: Load) -> None:
    target = other(controller, host)
    with struck(controller, target, "during:stage") as first:
        refused = controller.release(target)
        assert refused.code == 3
        assert "another release holds the lock" in refused.data["error"]["message"]
        second = Struck(controller, to(controller, target, "--wait", "60"), "")
        time.sleep(1)
        first.end().well()
        assert second.end().well().data["changed"] is False
    assert live(host) == controller.id(target)


def test_an_older_commit(controller: Controller, host: Host) -> None:
    options = "boot = 20\ndrain = 4"
    controller.write_ini(f"{options}\nallow_breaking_migrations = yes")
    completes(controller, host, "narrow")
    controller.write_ini(options)
    refused = controller.release("one")
    assert refused.code == 1
    message = refused.data["error"]["message"]
    assert "break the older release" in message
    assert live(host) == controller.id("narrow")
    (command,) = [line for line in message.splitlines() if "--exec --" in line]
    controller.run("--exec", "--", *command.partition("--exec -- ")[2].split()).well()
    completes(controller, host, "one")
