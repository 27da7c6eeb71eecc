"""What the systemd supervisor reads of systemd, and that nothing it has begun is left running."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors import systemd
from django_deploykit.runtime.supervisors.base import ProcessError, Running, RunningCommand

RELEASE, OTHER = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_waits_for_the_end_of_the_command_and_is_then_heard(
    tmp_path: Path, presses: int
) -> None:
    for name in ("begun", "go"):
        os.mkfifo(tmp_path / name)
    script = "trap 'echo hit >> hits' INT; echo > begun; read x < go; echo out; echo > ended"

    def press() -> None:
        (tmp_path / "begun").read_text()
        for _ in range(presses):
            os.kill(os.getpid(), signal.SIGINT)
        (tmp_path / "go").write_text("\n")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    presser = threading.Thread(target=press)
    presser.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            systemd._run(["sh", "-c", f"cd {tmp_path}; {script}"])
        assert (tmp_path / "ended").exists()
        assert not (tmp_path / "hits").exists()  # a terminal's Ctrl-C would not reach it either
    finally:
        presser.join()
        signal.signal(signal.SIGINT, before)


def test_a_command_gives_its_output_and_its_code() -> None:
    done = systemd._run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


def test_a_command_is_in_no_group_that_a_terminal_signals() -> None:
    done = systemd._run(["sh", "-c", "ps -o sid= -p $$; echo $$"])
    session, own = done.stdout.split()
    assert session == own != str(os.getsid(0))


def test_what_starts_at_boot_is_only_written_if_it_changes(tmp_path: Path) -> None:
    site = Site("unknown", tmp_path, tmp_path, tmp_path, listen="127.0.0.1:1")
    supervisor, path = systemd.SystemdSupervisor(site), tmp_path / "enabled"
    supervisor.enable(RELEASE, ["web", "worker"])
    assert path.read_text() == f"{RELEASE} web worker\n"
    before = path.stat().st_ino
    supervisor.enable(RELEASE, ["web", "worker"])
    assert path.stat().st_ino == before
    supervisor.enable(OTHER, ["web"])
    assert path.read_text() == f"{OTHER} web\n"


def test_instances_are_read_with_their_state_and_what_is_gone_is_left_out() -> None:
    shown = (
        f"Id=shop-web@{RELEASE}.service\nActiveState=active\nSubState=running\nNRestarts=2\nMainPID=7\n\n"
        f"Id=shop-web@{OTHER}.service\nActiveState=inactive\nNRestarts=0\nMainPID=0\n\n"
        f"Id=shop-worker@{OTHER}.service\nActiveState=failed\nNRestarts=\nMainPID=0\n\n"
        f"Id=shop-web-old@{OTHER}.service\nActiveState=active\nNRestarts=0\nMainPID=9\n\n"
        "Id=shop-web@oddly named.service\nActiveState=active\nNRestarts=0\nMainPID=9\n"
    )
    assert systemd.parse_instances("shop", ["web", "worker"], shown) == [
        Running(RELEASE, "web", True, 2, 7),
        Running(OTHER, "worker", False, 0, 0),
    ]


def test_commands_are_read_with_their_name_and_begin_but_not_their_arguments() -> None:
    def block(token: str, state: str, *words: str) -> str:
        script = f"/srv/shop/releases/{RELEASE}/bin/shop"
        return (
            f"Id=shop-run-{token}.service\nActiveState={state}\n"
            f"WorkingDirectory=/srv/shop/releases/{RELEASE}/app\n"
            f"ExecStart={{ path=/bin/sh ; argv[]=/bin/sh {script} {' '.join(words)} ; "
            "ignore_errors=no ; start_time=[n/a] ; pid=7 }\n"
            "ExecMainStartTimestampMonotonic=2500000\n"
        )

    shown = "\n".join(
        [
            block("0123456789abcdef", "active", "migrate", "--noinput"),
            block("1123456789abcdef", "deactivating", "--process", "release"),
            block("2123456789abcdef", "failed", "migrate"),
            block("3123456789abcdef", "inactive", "migrate"),
            block("elsewhere", "active", "migrate"),
        ]
    )
    assert systemd.parse_commands("shop", shown, 1000.0) == [
        RunningCommand("0123456789abcdef", RELEASE, "migrate", 1002.5),
        RunningCommand("1123456789abcdef", RELEASE, "--process release", 1002.5),
    ]
    assert systemd.parse_commands("shop", "", 0.0) == []


def test_nothing_runs_without_the_configuration(tmp_path: Path) -> None:
    site = Site("unknown", tmp_path, tmp_path / "etc", tmp_path)
    with pytest.raises(DeployKitError, match=r"unknown\.ini is missing") as caught:
        systemd.SystemdSupervisor(site).command(RELEASE, ["check"], {})
    assert "setup" in caught.value.hint


HELPER = """\
#!/bin/sh
case $1 in
    start) exit 1;;
    journal) echo "$@" > "${0%/*}/asked";;
esac
"""
SYSTEMCTL = """\
#!/bin/sh
case "$*" in
    *shop.socket*) echo ActiveState={state};;
esac
"""


def failing(folder: Path, monkeypatch: pytest.MonkeyPatch, state: str, listen: str) -> ProcessError:
    """Return the error of a web process that systemd does not start."""
    tools = {"helper": HELPER, "systemctl": SYSTEMCTL.format(state=state)}
    for name, text in tools.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "shop.ini").touch()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    supervisor = systemd.SystemdSupervisor(Site("shop", folder, folder, folder, listen=listen))
    supervisor.kinds = ["web"]
    monkeypatch.setattr(supervisor, "_helper_command", lambda: [str(folder / "helper")])
    with pytest.raises(ProcessError) as caught:
        supervisor.start(RELEASE, ["web"])
    return caught.value


def test_the_log_of_a_failure_begins_with_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = int(time.time())
    failing(tmp_path, monkeypatch, "active", "127.0.0.1:1")
    verb, release, _, since, process = (tmp_path / "asked").read_text().split()
    assert (verb, release, process) == ("journal", RELEASE, "web")
    assert before <= float(since.removeprefix("@")) <= time.time()


def test_a_socket_that_does_not_listen_is_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        error = failing(tmp_path, monkeypatch, "failed", listen)
    assert error.message == (
        f"web of {RELEASE} did not start: shop.socket cannot listen on {listen}: "
        "another program listens there"
    )
    assert f"ss -ltnp sport = :{listen.partition(':')[2]}" in error.hint
    assert "listen" in error.hint.splitlines()[1]
