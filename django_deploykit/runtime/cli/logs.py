"""Prints a process's log, and follows it while it grows."""

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
    escaped: bool = False,
) -> int:
    """Print the last lines; with ``forever`` also new ones, until Ctrl-C or until nobody reads.

    On a terminal (``escaped``: on one of the caller) control characters are escaped, because
    visitors can write them into the log. Pipes and files get the log unchanged.
    """
    shown = visible if escaped or sys.stdout.isatty() else str
    seen = supervisor.log(release, process, _WINDOW)
    print("\n".join(shown(line) for line in seen[-lines:]), flush=True)
    try:
        while forever and not unread(sys.stdout.fileno(), 0.5):
            now = supervisor.log(release, process, _WINDOW)
            for line in new_lines(seen, now):
                print(shown(line), flush=True)
            seen = now
    except KeyboardInterrupt:
        return 130
    return 0


def visible(line: str) -> str:
    r"""Return a line without its colours, and with every other control character escaped out.

    >>> visible("\x1b[31mred\x1b[0m\tand \x1b[2Jgone\x07")
    'red\tand \\x1b[2Jgone\\x07'
    """
    return printable(_COLOUR.sub("", line), kept="\t")


def unread(descriptor: int, seconds: float) -> bool:
    """Wait; return whether the other side of a pipe or socket was closed, at once if it was.

    While a log does not grow, nothing is written that could fail.
    """
    poller = select.poll()
    poller.register(descriptor, 0)  # poll reports errors and hang-ups in any case
    return bool(poller.poll(seconds * 1000))


def new_lines(before: List[str], now: List[str]) -> List[str]:
    """Return the lines that ``now`` has after ``before``; both are ends of one growing log.

    >>> new_lines(["a", "b"], ["b", "c"])
    ['c']
    """
    for length in range(min(len(before), len(now)), -1, -1):
        if before[len(before) - length :] == now[:length]:
            return now[length:]
    return now
