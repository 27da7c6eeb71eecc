"""The action ``logs``: the lines of all hosts, in the order of their times."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import TextIO

from django_deploykit.errors import DeployKitError
from django_deploykit.management.session import Session
from django_deploykit.release.fanout import Interruption
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.errors import INTERRUPTED, LIVE, REFUSED, WRONG_USE
from django_deploykit.runtime.cli.logs import POLL, after, shown, unread
from django_deploykit.runtime.deploy.stages import host_problems
from django_deploykit.runtime.wire.logs import LOG, LogLine, LogPage, LogRequest

Line = tuple[str, LogLine]  # the host's name first


def show_logs(session: Session, request: LogRequest, pattern: str, *, follow: bool) -> int:
    """Print the last lines of processes on all hosts, and optionally new ones; return the exit code.

    ``pattern`` is a regular expression, or empty.
    """
    session.validate_local(request.release)
    with session.opened() as fleet:
        reader = _Reader(fleet, request, pattern)
        lines = reader.read()
        reader.validate()
        # Each host has returned as many lines as were requested of all of them.
        lines = lines[-request.lines :]
        if session.console.as_json and not follow:
            _emit(session, lines, reader.problems)
        else:
            _print(session, lines, request)
        interrupted = follow and _follow(session, reader, request)
    for host, error in reader.problems.items():
        session.console.note(f"{host}: {error.message}")
    return INTERRUPTED if interrupted else REFUSED if reader.problems else LIVE


class _Reader:
    """Reads one page after the other from each host; a host that fails is not asked again."""

    def __init__(self, fleet: Fleet, request: LogRequest, pattern: str) -> None:
        self.hosts = list(fleet.transports)
        self.problems: dict[str, DeployKitError] = {}
        self._fleet, self._pattern = fleet, pattern
        self._requests = dict.fromkeys(self.hosts, request)
        self._pages: dict[str, LogPage] = {}

    def read(self) -> list[Line]:
        """Return the next lines of all hosts, in the order of their times."""
        pages, problems = self._fleet.each(self.hosts, self._read)
        self.problems.update(problems)
        self.hosts = [host for host in self.hosts if host not in problems]
        self._pages = pages
        self._requests = {host: after(self._requests[host], pages[host]) for host in self.hosts}
        return merged(pages)

    def validate(self) -> None:
        """Raise :class:`DeployKitError` if no host answered, or none runs one of the processes."""
        if not self._pages:
            raise host_problems("the logs were not read:", self.problems)
        for process in sorted(
            set.intersection(*(set(one.missing) for one in self._pages.values()))
        ):
            known = sorted({name for page in self._pages.values() for name in page.known})
            raise DeployKitError(
                f"no host runs a process {process!r}",
                f"Their processes: {', '.join(known) or 'none'}",
                WRONG_USE,
            )

    def _read(self, transport: Transport) -> LogPage:
        return transport.call(LOG, *arguments(self._requests[transport.name], self._pattern))


def _follow(session: Session, reader: _Reader, request: LogRequest) -> bool:
    """Print new lines until the output is closed or all hosts have failed.

    Return True after Ctrl-C.
    """
    try:
        while reader.hosts and not _is_closed(session.console.out):
            _print(session, reader.read(), request)
    except (KeyboardInterrupt, Interruption):
        return True
    return False


def arguments(request: LogRequest, pattern: str) -> list[str]:
    """Return the arguments of the verb ``log``."""
    words = [word for name in request.processes for word in ("--process", name)]
    words += ["--lines", str(request.lines)]
    words += ["--release", request.release] if request.release else []
    words += [] if request.since is None else ["--since", f"@{request.since:.6f}"]
    words += [f"--grep={pattern}"] if pattern else []
    return [*words, f"--cursor={request.cursor}"] if request.cursor else words


def merged(pages: Mapping[str, LogPage]) -> list[Line]:
    """Return the lines of all hosts in the order of their times; a host's own order is kept.

    Lines without a time stay with the line before them.
    """
    found: list[tuple[float, Line]] = []
    for host, page in pages.items():
        moment = 0.0
        for line in page.lines:
            moment = max(moment, line.time or 0.0)
            found.append((moment, (host, line)))
    return [line for _, line in sorted(found, key=lambda one: one[0])]


def _emit(session: Session, lines: list[Line], problems: Mapping[str, DeployKitError]) -> None:
    rows = [_row(host, line) for host, line in lines]
    errors = {host: error.message for host, error in problems.items()}
    session.console.emit({"environment": session.environment.name, "lines": rows, "errors": errors})


def _print(session: Session, lines: list[Line], request: LogRequest) -> None:
    out = session.console.out
    for text in _texts(session, lines, request):
        print(text, file=out)
    out.flush()


def _texts(session: Session, lines: list[Line], request: LogRequest) -> Iterator[str]:
    if session.console.as_json:
        yield from (json.dumps(_row(host, line)) for host, line in lines)
        return
    hosts = len(session.environment.hosts) > 1
    several = hosts or len(request.processes) > 1
    escaped = session.console.out.isatty()
    for host, line in lines:
        yield shown(line, escaped, several, host if hosts else "")


def _row(host: str, line: LogLine) -> dict[str, str | None]:
    moment = None
    if line.time is not None:
        moment = datetime.fromtimestamp(line.time, timezone.utc).isoformat(timespec="microseconds")
    return {
        "time": moment,
        "host": host,
        "process": line.process,
        "release": line.release,
        "text": line.text,
    }


def _is_closed(out: TextIO) -> bool:
    """Wait a moment; return whether the output was closed at its other end."""
    try:
        descriptor = out.fileno()
    except OSError:  # a test's output is no file
        time.sleep(POLL)
        return False
    return unread(descriptor, POLL)
