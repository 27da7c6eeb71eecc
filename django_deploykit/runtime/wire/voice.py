"""Writes a verb's output: JSON lines for a program, plain lines for a person at a terminal."""

from __future__ import annotations

import json
import os
import sys
from typing import List

from ..base.documents import Document
from ..base.errors import DeployKitError
from ..base.moments import utc
from ..base.patience import SILENCE
from ..base.printable import printable
from .events import Event
from .reader import plain

_WIDTH = 80  # characters of a list on one line


class Voice:
    """Writes events, and the result or the error. If the caller is gone, the work continues.

    A caller that does not read for :data:`SILENCE` seconds counts as gone: its connection is dead.
    """

    def __init__(self, person: bool) -> None:
        self.person = person

    def emit(self, event: Event) -> None:
        """Write an event."""
        if not self.person:
            self._write(json.dumps({"event": event.name, **plain(event)}))
        elif text := str(event):
            self._write(printable(f"  {text}"))

    def result(self, result: object, next_step: str = "") -> None:
        """Write the result, and for a person the next step."""
        data = plain(result)
        if not self.person:
            self._write(json.dumps({"result": data}))
            return
        self._write(_page(data) + (printable(f"\nnext: {next_step}") if next_step else ""))

    def error(self, error: DeployKitError) -> None:
        """Write the error."""
        if self.person:
            print(printable(f"error: {error.message}"), file=sys.stderr)
            if error.hint:
                print(printable(error.hint), file=sys.stderr)
        else:
            data = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
            self._write(json.dumps({"error": data}))

    def _write(self, text: str) -> None:
        try:
            there = self.person or _takes(sys.stdout.fileno())
            if there:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
        except (BrokenPipeError, ConnectionError):
            there = False
        if not there:
            # The controller is gone. The host continues on its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _takes(descriptor: int) -> bool:
    """Wait until a line can be written; return False if the reader is gone or too slow."""
    import select

    return bool(select.select([], [descriptor], [], SILENCE)[1])


def _page(result: Document) -> str:
    """Return a result for a person: long lists have a line for each item.

    What is empty is left out, and the plan, which a person has seen before.
    """
    lines: List[str] = []
    for name, value in result.items():
        if name == "plan":
            continue
        if isinstance(value, dict):
            below = [f"{one}: {_words(one, item)}" for one, item in value.items()]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            below = ["  ".join(_pairs(row)) for row in value]
        elif isinstance(value, list) and len(_words(name, value)) > _WIDTH:
            below = [str(one) for one in value]
        else:
            lines += [f"{name}: {_words(name, value)}"] if _is_shown(name, value) else []
            continue
        lines += [f"{name}:", *(f"  {one}" for one in below)] if below else []
    return printable("\n".join(lines))


def _pairs(row: Document) -> List[str]:
    shown = [(name, _words(name, one)) for name, one in row.items() if _is_shown(name, one)]
    shown.sort(key=lambda pair: pair[0] != "time")  # the time comes first
    return [f"{name}={' '.join(words.split())}" for name, words in shown]


def _is_shown(name: str, value: object) -> bool:
    return value not in (None, "", []) and not (name == "time" and value == 0)


def _words(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) and name == "time":
        return f"{utc(value)} UTC"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
