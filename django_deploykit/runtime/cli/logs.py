"""Reads the logs of processes, prints them, and follows them."""

from __future__ import annotations

import re
import select
import sys
from dataclasses import replace
from typing import Callable, List, Optional, Pattern, Sequence

from ..base.errors import DeployKitError
from ..base.moments import utc
from ..base.printable import printable
from ..supervisors.base import Supervisor
from ..wire.logs import SEARCHED_LINES, LogLine, LogPage, LogRequest

POLL = 1.0  # seconds; each look at the journal is a line in the log of sudo
_MOST_TEXT = 8 << 20  # characters of a page
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
ReadLogs = Callable[[LogRequest], LogPage]


def read_logs(
    supervisor: Supervisor,
    request: LogRequest,
    pattern: Optional[Pattern[str]],
    known: Sequence[str],
) -> LogPage:
    """Return a page of the lines that match, of the requested processes that are ``known``.

    With a pattern, the last 20,000 lines are searched. If the page is too long, its first lines are
    left out.
    """
    here = tuple(one for one in request.processes if one in known)
    missing = tuple(one for one in request.processes if one not in known)
    if not here:
        return LogPage((), request.cursor, missing, tuple(known))
    most = request.lines if pattern is None else max(SEARCHED_LINES, request.lines)
    page = supervisor.logs(replace(request, processes=here, lines=most))
    found: List[LogLine] = []
    room = _MOST_TEXT
    for line in reversed(page.lines):
        if pattern is None or pattern.search(line.text):
            room -= len(line.text)
            if room < 0 or len(found) == request.lines:
                break
            found.append(line)
    return LogPage(tuple(reversed(found)), page.cursor, missing, tuple(known))


def after(request: LogRequest, page: LogPage) -> LogRequest:
    """Return the request for what follows a page."""
    return replace(request, cursor=page.cursor, since=None, lines=SEARCHED_LINES)


def follow(read: ReadLogs, request: LogRequest, forever: bool) -> int:
    """Print the last lines. With ``forever``, also print new ones until Ctrl-C or a hang-up.

    Visitors can write control characters into a log, so these are escaped on a terminal. Pipes and
    files get the log unchanged.
    """
    escaped, several = sys.stdout.isatty(), len(request.processes) > 1
    page = read(request)
    validate_processes(page)
    try:
        while True:
            for line in page.lines:
                print(shown(line, escaped, several), flush=True)
            if not forever or unread(sys.stdout.fileno(), POLL):
                return 0
            request = after(request, page)
            page = read(request)
    except KeyboardInterrupt:
        return 130


def shown(line: LogLine, escaped: bool, several: bool, host: str = "") -> str:
    """Return a line as people see it, with what it is of if there is more than one.

    >>> shown(LogLine("ready", "worker", "", 1.0), False, True, "web1")
    '1970-01-01 00:00:01  web1  worker  ready'
    """
    moment = "" if line.time is None else utc(line.time)
    first = [moment, host, line.process] if several else []
    text = visible(line.text) if escaped else line.text
    return "  ".join([*(word for word in first if word), text])


def validate_processes(page: LogPage) -> None:
    """Raise :class:`DeployKitError` if the host does not run one of the requested processes."""
    for process in page.missing:
        raise DeployKitError(
            f"there is no process {process!r} on this host",
            f"Its processes here: {', '.join(page.known) or 'none'}",
        )


def visible(line: str) -> str:
    r"""Return a line without its colours, and with all other control characters escaped.

    >>> visible("\x1b[31mred\x1b[0m\tand \x1b[2Jgone\x07")
    'red\tand \\x1b[2Jgone\\x07'
    """
    return printable(_COLOUR.sub("", line), kept="\t")


def unread(descriptor: int, seconds: float) -> bool:
    """Wait up to ``seconds``; return whether the other end of a pipe or socket was closed.

    Returns at once when it closes. This is needed because while a log does not grow, there is no
    write that could fail.
    """
    poller = select.poll()
    poller.register(descriptor, 0)  # poll always reports errors and hang-ups
    return bool(poller.poll(seconds * 1000))
