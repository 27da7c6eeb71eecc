"""Printing a process's log, and going on while it grows."""

from __future__ import annotations

import re
import select
import sys
from typing import List

from ..base.printable import printable
from ..supervisors.base import Supervisor

_WINDOW = 500  # lines looked at each time
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def follow(
    supervisor: Supervisor,
    release: str,
    process: str,
    lines: int,
    forever: bool,
    spelt: bool = False,
) -> int:
    """Print the last lines; with ``forever`` also what comes, until Ctrl-C or until nobody reads.

    What a terminal shows (``spelt``: one of the caller's) moves no cursor: visitors have a say in
    what the site logs. Pipes and files get the log as it is.
    """
    shown = visible if spelt or sys.stdout.isatty() else str
    seen = supervisor.log(release, process, _WINDOW)
    print("\n".join(shown(line) for line in seen[-lines:]), flush=True)
    try:
        while forever and not unread(sys.stdout.fileno(), 0.5):
            now = supervisor.log(release, process, _WINDOW)
            for line in news(seen, now):
                print(shown(line), flush=True)
            seen = now
    except KeyboardInterrupt:
        return 130
    return 0


def visible(line: str) -> str:
    r"""Return a line without its colours, and with every other control character spelt out.

    >>> visible("\x1b[31mred\x1b[0m\tand \x1b[2Jgone\x07")
    'red\tand \\x1b[2Jgone\\x07'
    """
    return printable(_COLOUR.sub("", line), kept="\t")


def unread(descriptor: int, seconds: float) -> bool:
    """Wait; returns, then at once, whether the other side of a pipe or socket was closed.

    A log that does not grow is never written to, and so never told.
    """
    poller = select.poll()
    poller.register(descriptor, 0)  # errors and hang-ups are told without being asked for
    return bool(poller.poll(seconds * 1000))


def news(before: List[str], now: List[str]) -> List[str]:
    """Return the lines of ``now`` that came after ``before``, both being ends of one growing log.

    >>> news(["a", "b"], ["b", "c"])
    ['c']
    """
    for length in range(min(len(before), len(now)), -1, -1):
        if before[len(before) - length :] == now[:length]:
            return now[length:]
    return now
