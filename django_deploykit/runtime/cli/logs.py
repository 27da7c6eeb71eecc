"""Prints a process's log, and optionally follows it."""

from __future__ import annotations

import re
import select
import sys
from typing import List, Sequence

from ..base.errors import DeployKitError
from ..base.printable import printable
from ..supervisors.base import Supervisor

_WINDOW = 500  # lines that are read each time, unless more are requested
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def follow(
    supervisor: Supervisor,
    release: str,
    process: str,
    lines: int,
    forever: bool,
    escaped: bool = False,
) -> int:
    """Print the last lines. With ``forever``, also print new ones until Ctrl-C or a hang-up.

    Visitors can write control characters into a log, so these are escaped on a terminal, or with
    ``escaped`` (the caller has a terminal). Pipes and files get the log unchanged.
    """
    shown = visible if escaped or sys.stdout.isatty() else str
    window = max(_WINDOW, lines)
    seen = supervisor.log(release, process, window)
    print("\n".join(shown(line) for line in seen[-lines:]), flush=True)
    try:
        while forever and not unread(sys.stdout.fileno(), 0.5):
            now = supervisor.log(release, process, window)
            for line in new_lines(seen, now):
                print(shown(line), flush=True)
            seen = now
    except KeyboardInterrupt:
        return 130
    return 0


def validate_process(process: str, release: str, known: Sequence[str]) -> None:
    """Raise :class:`DeployKitError` unless the process is one of ``known``."""
    if process not in known:
        raise DeployKitError(
            f"there is no process {process!r} of {release} on this host",
            f"Its processes here: {', '.join(known) or 'none'}",
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


def new_lines(before: List[str], now: List[str]) -> List[str]:
    """Return the lines that were added after ``before``; both are ends of the same growing log.

    >>> new_lines(["a", "b"], ["b", "c"])
    ['c']
    """
    for length in range(min(len(before), len(now)), -1, -1):
        if before[len(before) - length :] == now[:length]:
            return now[length:]
    return now
