"""Logs that are searched, printed, and grow while they are read."""

from __future__ import annotations

import os
import pty
import re
import socket
import sys
from contextlib import redirect_stdout

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.runtime.cli.logs import after, follow, read_logs, shown
from django_deploykit.runtime.wire.logs import SEARCHED_LINES, LogLine, LogPage, LogRequest
from tests.unit.runtime.fake_supervisor import FakeSupervisor

WEB = LogRequest(("web",))


def page(*texts: str, process: str = "web") -> LogPage:
    return LogPage(tuple(LogLine(text, process, "r") for text in texts), "end")


class Logged(FakeSupervisor):
    """Its log has these lines; requests are kept."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts
        self.requests: list[LogRequest] = []

    def logs(self, request: LogRequest) -> LogPage:
        self.requests.append(request)
        return page(*self.texts[-request.lines :])


def test_only_matching_lines_count_and_the_newest_of_them() -> None:
    supervisor = Logged("GET /a 200", "GET /b 500", "GET /c 200", "GET /d 500", "GET /e 500")
    found = read_logs(supervisor, LogRequest(("web",), lines=2), re.compile(" 5..$"), ["web"])
    assert [line.text for line in found.lines] == ["GET /d 500", "GET /e 500"]
    assert found.cursor == "end"
    assert supervisor.requests[0].lines == SEARCHED_LINES


def test_processes_that_the_host_does_not_run_are_named() -> None:
    supervisor = Logged("ready")
    both = LogRequest(("web", "worker"))
    found = read_logs(supervisor, both, None, ["web", "mail"])
    assert (found.missing, found.known) == (("worker",), ("web", "mail"))
    assert supervisor.requests[0].processes == ("web",)
    assert read_logs(supervisor, both, None, ["mail"]).lines == ()
    assert len(supervisor.requests) == 1  # nothing to read there


def test_a_page_has_an_end() -> None:
    supervisor = Logged(*[str(n) * (1 << 20) for n in range(10)])
    found = read_logs(supervisor, WEB, None, ["web"])
    assert [line.text[0] for line in found.lines] == list("23456789")


def test_what_follows_begins_at_the_cursor() -> None:
    request = LogRequest(("web",), lines=5, since=7.0)
    assert after(request, page("a")) == LogRequest(("web",), "", SEARCHED_LINES, None, "end")


@pytest.mark.parametrize(
    ("several", "host", "text"),
    [
        (False, "", "ready"),
        (True, "", "1970-01-01 00:00:01  worker  ready"),
        (True, "web1", "1970-01-01 00:00:01  web1  worker  ready"),
    ],
)
def test_a_line_says_what_it_is_of_if_there_are_several(
    several: bool, host: str, text: str
) -> None:
    assert shown(LogLine("ready", "worker", "r", 1.0), False, several, host) == text


RUDE = "GET /\x1b]0;title\x07 \x1b[32m200\x1b[0m \x1b[2J\u202eé\t\x9b1A"


def test_a_terminal_is_not_moved_by_what_was_logged() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, redirect_stdout(stream):
        assert follow(lambda _: page(RUDE), WEB, forever=False) == 0
        told = os.read(ours, 4096).decode()
    os.close(ours)
    assert told == "GET /\\x1b]0;title\\x07 200 \\x1b[2J\\u202eé\t\\x9b1A\r\n"


def test_a_pipe_gets_the_log_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(lambda _: page("first", RUDE), WEB, forever=False) == 0
    assert capsys.readouterr().out == f"first\n{RUDE}\n"


def test_an_unknown_process_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    missing = LogPage((), "", ("wrb",), ("web", "worker"))
    with pytest.raises(DeployKitError, match="no process 'wrb' on this host") as caught:
        follow(lambda _: missing, WEB, forever=True)
    assert caught.value.hint == "Its processes here: web, worker"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_it_ends_where_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kind == "pipe":
        ours, theirs = os.pipe()
    else:
        ours, theirs = (one.detach() for one in socket.socketpair())
    asked: list[str] = []

    def leave(request: LogRequest) -> LogPage:
        asked.append(request.cursor)
        if len(asked) == 2:
            os.close(ours)
        return LogPage((), f"after {len(asked)}")

    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert follow(leave, WEB, forever=True) == 0
    assert asked == ["", "after 1"]
