"""Lines of the logs of a site's processes."""

from __future__ import annotations

from typing import Optional, Tuple

from ..base.lazy_dataclass import lazy_dataclass
from .calls import Call

SHOWN_LINES = 50
SEARCHED_LINES = 20_000  # that are read to search them, or because they are since a moment
MOST_LINES = 99_999  # that may be requested; root's helper accepts five digits


@lazy_dataclass(frozen=True)
class LogRequest:
    """The lines that are wanted: the last ``lines`` of these processes, oldest first.

    An empty ``release`` means all releases, or only the live one where each has a file of its own.
    ``since`` is in seconds since the epoch. With a ``cursor``, only what came after it counts, and
    the first ``lines`` of that are returned.
    """

    processes: Tuple[str, ...]
    release: str = ""
    lines: int = 50
    since: Optional[float] = None
    cursor: str = ""


def log_request(
    processes: Tuple[str, ...],
    release: str,
    lines: Optional[int],
    since: Optional[float],
    cursor: str = "",
) -> LogRequest:
    """Return a request with the defaults for what a person did not choose."""
    usual = SHOWN_LINES if since is None else SEARCHED_LINES
    return LogRequest(processes or ("web",), release, lines or usual, since, cursor)


@lazy_dataclass(frozen=True)
class LogLine:
    """A line; ``time`` is in seconds since the epoch, or None if none was kept."""

    text: str
    process: str
    release: str
    time: Optional[float] = None


@lazy_dataclass(frozen=True)
class LogPage:
    """Lines, oldest first, and the place behind them.

    ``missing`` are requested processes that the host does not run; ``known`` are those that it runs.
    """

    lines: Tuple[LogLine, ...] = ()
    cursor: str = ""
    missing: Tuple[str, ...] = ()
    known: Tuple[str, ...] = ()


LOG = Call("log", LogPage)
