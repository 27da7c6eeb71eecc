"""What the systemd supervisor reads of systemd, and that nothing it has begun is left running."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from django_deploykit.runtime.supervisors import systemd
from django_deploykit.runtime.supervisors.base import Running

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
