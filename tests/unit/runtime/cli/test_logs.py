"""Logs that grow while they are read."""

from __future__ import annotations

import os
import pty
import socket
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from django_deploykit.runtime.cli.logs import follow, new_lines
from django_deploykit.runtime.supervisors.local import exit_text, tail
from tests.unit.runtime.fake_supervisor import FakeSupervisor


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ([], [], []),
        ([], ["a"], ["a"]),
        (["a"], ["a"], []),
        (["a", "b"], ["b", "c", "d"], ["c", "d"]),
        (["a", "a"], ["a", "a", "a"], ["a"]),
        (["a"], ["x", "y"], ["x", "y"]),
    ],
)
def test_only_what_came_is_shown(before: list[str], now: list[str], new: list[str]) -> None:
    assert new_lines(before, now) == new


def test_the_last_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(FakeSupervisor(), "r", "web", 5, forever=False) == 0
    assert capsys.readouterr().out == "web of r says ouch\n"


class Rude(FakeSupervisor):
    """A process whose log holds what a visitor sent."""

    LINE = "GET /\x1b]0;title\x07 \x1b[32m200\x1b[0m \x1b[2J\u202eé\t\x9b1A"

    def log(self, release: str, process: str, lines: int) -> list[str]:
        return [self.LINE]


def test_a_terminal_is_not_moved_by_what_was_logged() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, redirect_stdout(stream):
        assert follow(Rude(), "r", "web", 5, forever=False) == 0
        told = os.read(ours, 4096).decode()
    os.close(ours)
    assert told == "GET /\\x1b]0;title\\x07 200 \\x1b[2J\\u202eé\t\\x9b1A\r\n"


def test_a_pipe_gets_the_log_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(Rude(), "r", "web", 5, forever=False) == 0
    assert capsys.readouterr().out == f"{Rude.LINE}\n"
    assert follow(Rude(), "r", "web", 5, forever=False, escaped=True) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_it_ends_where_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kind == "pipe":
        ours, theirs = os.pipe()
    else:
        ours, theirs = (one.detach() for one in socket.socketpair())
    asked: list[str] = []

    class Leaving(FakeSupervisor):
        def log(self, release: str, process: str, lines: int) -> list[str]:
            asked.append(process)
            if len(asked) == 2:
                os.close(ours)
            return ["the same as ever"]

    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert follow(Leaving(), "r", "web", 5, forever=True) == 0
    assert asked == ["web", "web"]


def test_the_end_of_a_long_file_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert tail(path, 3) == []
    path.write_bytes(b"x" * (1 << 20) + "\nä\n\xff".encode("latin-1") + b"\nlast\n")
    assert tail(path, 1) == ["last"]
    assert len(tail(path, 4)) == 4


def test_how_a_process_ended_is_said_in_words() -> None:
    assert exit_text(3 << 8) == "ended with exit code 3"
    assert exit_text(9) == "was killed by signal 9"
