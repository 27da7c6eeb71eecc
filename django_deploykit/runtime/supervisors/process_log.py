"""What a process's log says about its end."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import List, Sequence

from ..base.errors import DeployKitError
from ..wire.logs import LogRequest
from .base import ProcessError, Supervisor

_READ_LINES = 400  # how far back an exception is searched
_SHOWN_LINES = 60  # enough for the tracebacks of a worker and of its server
_LONGEST = 300  # characters of an exception
_FRAME = re.compile(r'\s*File "([^"]+)", line (\d+)')
# A server raises these when its worker has failed, so they are not the cause.
_CONSEQUENCES = ("gunicorn.errors.HaltServer", "SystemExit", "KeyboardInterrupt")


def last_lines(supervisor: Supervisor, release: str, process: str) -> List[str]:
    """Return the lines of an instance's log since its start, enough for the tracebacks in it.

    Older lines would name the cause of an earlier failure. Empty if the log cannot be read: the
    failure that it explains is more important.
    """
    begun = supervisor.begun(release, process)
    request = LogRequest((process,), release, _READ_LINES, cursor=begun)
    with suppress(DeployKitError):
        return [line.text for line in supervisor.logs(request).lines]
    return []


def process_error(message: str, lines: Sequence[str], otherwise: str = "") -> ProcessError:
    """Return the error for a process that failed.

    ``message`` is followed by the last exception in the log. The hint has the log's last lines, or
    ``otherwise`` if there are none.
    """
    cause = exception_in(lines)
    if cause:
        message = f"{message}; the last exception in its log: {cause}"
    shown = lines[-_SHOWN_LINES:]
    hint = "\n".join(["Its last lines:", *("  " + line for line in shown)]) if shown else otherwise
    return ProcessError(message, hint)


def exception_in(lines: Sequence[str]) -> str:
    """Return the last exception of a log and the place that raised it, or an empty string.

    >>> exception_in(["Traceback (most recent call last):", '  File "/a/b.py", line 3', "KeyError"])
    'KeyError (/a/b.py:3)'
    """
    found = ""
    for place, line in enumerate(lines):
        if line.strip() == "Traceback (most recent call last):":
            indent = len(line) - len(line.lstrip())
            found = _exception_after(lines[place + 1 :], indent) or found
    return found


def _exception_after(lines: Sequence[str], indent: int) -> str:
    """Return the exception of a traceback whose first line was just before ``lines``."""
    places: List[str] = []
    for line in lines:
        frame = _FRAME.match(line)
        if frame:
            places.append(f"{_short(frame[1])}:{frame[2]}")
        elif line.strip() and len(line) - len(line.lstrip()) <= indent:
            text = line.strip()
            if re.split(r"[:\s]", text)[0] in _CONSEQUENCES:
                return ""
            return text[:_LONGEST] + (f" ({places[-1]})" if places else "")
    return ""


def _short(path: str) -> str:
    """Return a path without the release's folder.

    >>> _short("/srv/shop/releases/20261101T000000-aaaaaaa/app/shop/urls.py")
    'shop/urls.py'
    """
    return re.sub(r"\A.*/releases/[0-9]{8}T[0-9]{6}-[0-9a-f]+/(app/)?", "", path)
