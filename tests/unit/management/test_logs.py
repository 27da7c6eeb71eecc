"""The logs of all hosts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.management.logs import arguments, merged, show_logs
from django_deploykit.release.transports.base import LostError, Transport
from django_deploykit.runtime.cli.registry import VERBS
from django_deploykit.runtime.cli.verbs import find_verb
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.logs import LogLine, LogPage, LogRequest, log_request
from django_deploykit.runtime.wire.reader import plain, read
from tests.unit.management.sessions import MemorySession
from tests.unit.release.fakes import FakeTransport, Host

T = TypeVar("T")
RELEASE = "20261123T041500-ab12cd3"
USUAL = log_request((), "", None, None)


def line(text: str, moment: float | None, process: str = "web") -> LogLine:
    return LogLine(text, process, RELEASE, moment)


def parsed(words: list[str]) -> argparse.Namespace:
    """Return the arguments as the verb gets them."""
    find_verb("log")
    parser = argparse.ArgumentParser()
    for add in VERBS["log"].arguments:
        add(parser)
    return parser.parse_args(words)


class LoggingTransport(FakeTransport):
    """A host that answers with one page after the other, then raises an error."""

    def __init__(self, host: Host, pages: list[LogPage]) -> None:
        super().__init__(host)
        self.pages = pages
        self.asked: list[argparse.Namespace] = []

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        self.asked.append(parsed(list(arguments)))
        if not self.pages:
            raise LostError(f"the connection to {self.name} broke")
        return read(verb.answer, plain(self.pages.pop(0)), verb.name)


class LoggingSession(MemorySession):
    """A session with these hosts; prints as for people, unless ``as_json``."""

    def __init__(self, folder: Path, as_json: bool = False, **pages: list[LogPage]) -> None:
        super().__init__(folder, *(Host(name=name) for name in pages))
        self.hosts = [LoggingTransport(Host(name=name), pages[name]) for name in pages]
        self.console = Console(self.out, self.err, as_json=as_json)

    def transports(self) -> list[Transport]:
        return [*self.hosts]


def test_lines_of_all_hosts_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    web1 = LogPage((line("a", 1.0), line("c", 3.0)))
    web2 = LogPage((line("b", 2.0), line("d", 4.0)))
    session = LoggingSession(tmp_path, web1=[web1], web2=[web2])
    assert show_logs(session, LogRequest(("web",), lines=3), "", follow=False) == 0
    assert session.out.getvalue().splitlines() == [
        "1970-01-01 00:00:02  web2  web  b",
        "1970-01-01 00:00:03  web1  web  c",
        "1970-01-01 00:00:04  web2  web  d",
    ]


def test_lines_without_a_time_stay_where_they_are() -> None:
    pages = {
        "web1": LogPage((line("a", 1.0), line("b", None), line("late clock", 0.5))),
        "web2": LogPage((line("c", 2.0),)),
    }
    assert [one.text for _, one in merged(pages)] == ["a", "b", "late clock", "c"]


def test_the_only_process_of_the_only_host_is_printed_as_it_is(tmp_path: Path) -> None:
    session = LoggingSession(tmp_path, web1=[LogPage((line("caf\xe9 \x1b[1m", 1.0),))])
    assert show_logs(session, USUAL, "", follow=False) == 0
    assert session.out.getvalue() == "caf\xe9 \x1b[1m\n"


@pytest.mark.parametrize(
    ("request_", "pattern"),
    [
        (USUAL, ""),
        (LogRequest(("web", "worker"), RELEASE, 7, 12.25, "s=0a;i=1"), "-v|^ 5.. [a-z]"),
    ],
)
def test_the_verb_gets_what_was_requested(request_: LogRequest, pattern: str) -> None:
    found = parsed(arguments(request_, pattern))
    again = LogRequest(
        tuple(found.process), found.release or "", found.lines, found.since, found.cursor
    )
    assert again == request_
    assert (found.grep.pattern if found.grep else "") == pattern


def test_new_lines_are_asked_for_until_the_hosts_are_gone(tmp_path: Path) -> None:
    first = LogPage((line("a", 1.0),), "one"), LogPage((), "two"), LogPage((line("c", 3.0),), "x")
    second = [LogPage((line("b", 2.0),), "other")]
    session = LoggingSession(tmp_path, web1=[*first], web2=second)
    assert show_logs(session, USUAL, "", follow=True) == 1
    texts = [one.split()[-1] for one in session.out.getvalue().splitlines()]
    assert texts == ["a", "b", "c"]
    assert [one.cursor for one in session.hosts[0].asked] == ["", "one", "two", "x"]
    assert session.err.getvalue().splitlines() == [
        "web2: the connection to web2 broke",
        "web1: the connection to web1 broke",
    ]


def test_json_is_one_object_or_one_for_each_line_that_follows(tmp_path: Path) -> None:
    page = LogPage((line("a", 1.5), line("b", None)))
    both = {"host": "web1", "process": "web", "release": RELEASE}
    rows = [
        {**both, "text": "a", "time": "1970-01-01T00:00:01.500000+00:00"},
        {**both, "text": "b", "time": None},
    ]
    session = LoggingSession(tmp_path, as_json=True, web1=[page], web2=[])
    assert show_logs(session, USUAL, "", follow=False) == 1
    whole: dict[str, Any] = session.printed()
    assert whole["lines"] == rows
    assert whole["errors"] == {"web2": "the connection to web2 broke"}
    session = LoggingSession(tmp_path, as_json=True, web1=[page])
    assert show_logs(session, USUAL, "", follow=True) == 1
    assert [json.loads(one) for one in session.out.getvalue().splitlines()] == rows


def test_a_process_may_run_on_some_hosts_only(tmp_path: Path) -> None:
    web = LogPage((), "", ("worker",), ("web",))
    worker = LogPage((line("done", 1.0, "worker"),), "", (), ("worker",))
    session = LoggingSession(tmp_path, web1=[web], jobs=[worker])
    assert show_logs(session, LogRequest(("worker",)), "", follow=False) == 0
    assert session.out.getvalue() == "1970-01-01 00:00:01  jobs  worker  done\n"


def test_a_process_that_no_host_runs_is_named(tmp_path: Path) -> None:
    pages = (LogPage((), "", ("wrb",), (known,)) for known in ("web", "worker"))
    session = LoggingSession(tmp_path, web1=[next(pages)], jobs=[next(pages)])
    with pytest.raises(DeployKitError, match="no host runs a process 'wrb'") as caught:
        show_logs(session, LogRequest(("wrb",)), "", follow=True)
    assert (caught.value.hint, caught.value.exit_code) == ("Their processes: web, worker", 2)


def test_no_answer_at_all_is_an_error(tmp_path: Path) -> None:
    session = LoggingSession(tmp_path, web1=[], web2=[])
    with pytest.raises(DeployKitError, match="the logs were not read") as caught:
        show_logs(session, USUAL, "", follow=True)
    assert "web2" in caught.value.message
