"""LocalSupervisor processes under a real keeper; the releases are scripts."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.processes import run
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy.switch import point
from django_deploykit.runtime.supervisors import local_daemon as keeping
from django_deploykit.runtime.supervisors.base import ProcessError, Running
from django_deploykit.runtime.supervisors.local import LocalSupervisor
from tests.ports import claim_port
from tests.waiting import until

OLD, NEW = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
TELL = 'env > "$STATE_DIRECTORY/env.new"; mv "$STATE_DIRECTORY/env.new" "$STATE_DIRECTORY/env"\n'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with two releases whose processes say what they were given, and wait."""
    listen = f"127.0.0.1:{claim_port()}"
    root = tmp_path / "srv"
    made = Site("shop", root, tmp_path / "etc", tmp_path / "var", supervisor="plain", listen=listen)
    made.data.mkdir()
    for release in (OLD, NEW):
        folder = made.releases / release
        (folder / "bin").mkdir(parents=True)
        (folder / "app").mkdir()
        script(folder / "bin" / "deploykit-run", f"{TELL}exec sleep 600\n")
        script(folder / "bin" / "shop", f"{TELL}exit 7\n")
    (root / "site.json").write_text(made.dumps())
    return made


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


@pytest.fixture
def plain(site: Site) -> Iterator[LocalSupervisor]:
    python = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    archive = runtime_archive().write(site.root / "runtime")
    made = LocalSupervisor(site, [python, "-I", "-S", str(archive)])
    yield made
    made.end()


def listens(site: Site) -> bool:
    host, _, port = site.listen.rpartition(":")
    with socket.socket() as sock:
        return sock.connect_ex((host, int(port))) == 0


def told(site: Site) -> dict[str, str]:
    lines = (site.data / "env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def only(plain: LocalSupervisor) -> Running:
    (found,) = plain.instances()
    return found


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's shell."""
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///mine")
    monkeypatch.setenv("SHOP_CONFIG", "/home/ann/shop.ini")
    monkeypatch.setenv("PYTHONPATH", "/home/ann")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ca.pem")


def judge(site: Site, env: dict[str, str]) -> None:
    assert not {"DEBUG", "DATABASE_URL", "PYTHONPATH"} & set(env)
    assert env["SHOP_CONFIG"] == str(site.ini)
    assert env["DEPLOYKIT_ENVIRONMENT"] == "local"
    assert (env["PATH"], env["LC_ALL"]) == (os.environ["PATH"], "C.UTF-8")
    assert env["SSL_CERT_FILE"] == "/etc/ca.pem"


@pytest.mark.usefixtures("shell")
def test_a_process_sees_the_sites_configuration_not_the_developers(
    site: Site, plain: LocalSupervisor
) -> None:
    plain.start(NEW, ["web"])
    until((site.data / "env").exists)
    judge(site, told(site))
    assert told(site)["LISTEN_FDS"] == "2"


@pytest.mark.usefixtures("shell")
def test_a_command_sees_the_same_and_what_it_is_given(site: Site, plain: LocalSupervisor) -> None:
    assert run(plain.command(NEW, ["check"], {"EXTRA": "1"})) == 7
    judge(site, told(site))
    assert told(site)["EXTRA"] == "1"


def configure(site: Site, ini: str, env: str) -> None:
    site.etc.mkdir()
    site.ini.write_text(ini)
    (site.etc / "shop.env").write_text(env)


@pytest.mark.usefixtures("shell")
def test_processes_and_commands_get_the_variables_of_the_site(
    site: Site, plain: LocalSupervisor
) -> None:
    configure(site, "[environment]\ndebug = ini\ntoken = ini\n", "DEBUG=file\nLC_ALL=C\n")
    wanted = {"DEBUG": "file", "TOKEN": "ini", "LC_ALL": "C", "SHOP_CONFIG": str(site.ini)}
    assert run(plain.command(NEW, ["check"], {})) == 7
    assert wanted.items() <= told(site).items()
    (site.data / "env").unlink()
    plain.start(NEW, ["web"])
    until((site.data / "env").exists)
    assert wanted.items() <= told(site).items()


def test_nothing_starts_with_variables_that_cannot_be_read(
    site: Site, plain: LocalSupervisor
) -> None:
    configure(site, "", "DEBUG\n")
    for start in (lambda: plain.start(NEW, ["web"]), lambda: plain.command(NEW, ["check"], {})):
        with pytest.raises(DeployKitError, match=r"shop\.env:1: expected NAME=value"):
            start()
    assert plain.instances() == []


def test_a_process_that_ends_is_started_again_when_its_variables_can_be_read(
    site: Site, plain: LocalSupervisor
) -> None:
    configure(site, "", "A=1\n")
    plain.start(NEW, ["web"])
    until((site.data / "env").exists)
    (site.etc / "shop.env").write_text("A\n")
    os.kill(only(plain).pid, signal.SIGKILL)
    log = site.root / "log" / "daemon.log"
    until(lambda: "shop.env:1: expected NAME=value" in log.read_text())
    (site.etc / "shop.env").write_text("A=2\n")
    until(lambda: told(site)["A"] == "2")
    assert only(plain).active


def test_nobody_listens_where_nothing_is_live_and_nothing_runs(
    site: Site, plain: LocalSupervisor
) -> None:
    plain.start(NEW, ["web"])
    assert listens(site)
    plain.stop(NEW, ["web"])
    # A process that the ended one had started may hold the socket a moment longer.
    until(lambda: not listens(site))
    plain.start(NEW, ["web"])  # another attempt finds everything as the first one did
    assert listens(site)


def test_what_does_not_end_within_the_limit_is_killed_and_named(
    site: Site, plain: LocalSupervisor
) -> None:
    stubborn = f"trap '' TERM\n{TELL}while :; do sleep 0.1; done\n"
    script(site.releases / NEW / "bin" / "deploykit-run", stubborn)
    (site.root / "site.json").write_text(replace(site, drain=0.5).dumps())
    plain.start(NEW, ["web", "worker"])
    until((site.data / "env").exists)
    assert plain.stop(NEW, ["worker"]) == ["worker"]
    assert [one.process for one in plain.instances()] == ["web"]
    script(site.releases / NEW / "bin" / "deploykit-run", "exec sleep 600\n")
    plain.start(NEW, ["worker"])
    assert plain.stop(NEW, ["worker"]) == []


def test_the_socket_stays_open_while_a_release_is_live(site: Site, plain: LocalSupervisor) -> None:
    point(site, OLD)
    plain.start(OLD, ["web"])
    plain.start(NEW, ["web"])
    plain.stop(NEW, ["web"])
    assert listens(site)
    plain.stop(OLD, ["web"])  # between the two of a restart
    assert listens(site)


def test_what_dies_comes_back_though_the_keepers_archive_is_gone(
    site: Site, plain: LocalSupervisor
) -> None:
    plain.start(NEW, ["web"])
    first = only(plain).pid
    for path in (site.root / "runtime").iterdir():
        path.unlink()
    os.kill(first, 9)
    until(lambda: only(plain).restarts == 1 and only(plain).active)
    assert only(plain).pid != first


def test_starting_what_was_restarted_earlier_and_runs_is_no_error(
    site: Site, plain: LocalSupervisor
) -> None:
    plain.start(NEW, ["worker"])
    os.kill(only(plain).pid, 9)
    until(lambda: only(plain).restarts == 1 and only(plain).active)
    pid = only(plain).pid
    plain.start(NEW, ["worker"])
    assert only(plain).pid == pid


def test_a_process_that_ends_at_once_is_told_with_its_last_lines(
    site: Site, plain: LocalSupervisor
) -> None:
    script(site.releases / NEW / "bin" / "deploykit-run", "echo no luck; exit 3\n")
    with pytest.raises(ProcessError) as caught:
        plain.start(NEW, ["worker"])
    assert "worker of 20261102T000000-bbbbbbb ended with exit code 3" in caught.value.message
    assert "no luck" in caught.value.hint
    script(site.releases / NEW / "bin" / "deploykit-run", "echo other; exit 3\n")
    with pytest.raises(ProcessError) as caught:
        plain.start(NEW, ["worker"])
    assert "other" in caught.value.hint
    assert "no luck" not in caught.value.hint  # of an earlier start


def test_many_processes_are_on_trial_at_the_same_time(site: Site, plain: LocalSupervisor) -> None:
    clock = count(0.0, 0.1)
    watched = LocalSupervisor(site, plain.program, lambda: next(clock))
    names = [f"worker{number}" for number in range(1, 21)]
    watched.start(NEW, names)
    assert next(clock) < 3.0  # not a second for each
    assert sorted(one.process for one in plain.instances() if one.active) == sorted(names)


def test_one_of_many_that_ends_during_the_trial_is_named(
    site: Site, plain: LocalSupervisor
) -> None:
    ends = '[ "$1" != worker2 ] || { echo no luck; exit 3; }\nexec sleep 600\n'
    script(site.releases / NEW / "bin" / "deploykit-run", ends)
    with pytest.raises(ProcessError) as caught:
        plain.start(NEW, ["worker1", "worker2", "worker3"])
    assert "worker2 of 20261102T000000-bbbbbbb ended with exit code 3" in caught.value.message


def test_a_log_that_is_too_long_is_set_aside_when_its_process_starts(
    site: Site, plain: LocalSupervisor
) -> None:
    log = keeping.log_path(site, NEW, "web")
    log.parent.mkdir()
    log.write_bytes(b"x" * ((10 << 20) + 1))
    plain.start(NEW, ["web"])
    assert log.stat().st_size == 0
    assert log.with_name(f"{log.name}.1").stat().st_size == (10 << 20) + 1


def test_one_old_log_stays(tmp_path: Path) -> None:
    log, old = tmp_path / "keeper.log", tmp_path / "keeper.log.1"
    keeping.rotate(log)
    for text in ("first", "second", "3"):
        log.write_text(text)
        keeping.rotate(log, 4)
    assert (log.read_text(), old.read_text()) == ("3", "second")
