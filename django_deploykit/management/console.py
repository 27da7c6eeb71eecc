"""The terminal's side of the three commands: progress, results, questions, errors."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from django_deploykit.errors import DeployKitError
from django_deploykit.management.progress_rows import Board
from django_deploykit.progress import DONE, FAILED, in_bytes
from django_deploykit.release.report.timeline import Span
from django_deploykit.runtime.base.errors import INTERRUPTED

if TYPE_CHECKING:
    from django_deploykit.management.display import Display

_COMMANDS = ("manage.py ", " -- ", "sudo ", "$ ", "ssh ", "ssh-", "git ", "pip ", "uv ")
_COLOURS = {"good": "1;32", "bad": "1;31", "head": "1"}


class Console:
    """A :class:`~django_deploykit.progress.Progress` on standard error; results on standard output.

    On a terminal where rich is installed a live display shows the step, or the hosts, at work;
    elsewhere each step is one plain line when it ends. ``verbosity`` is Django's: 0 says no steps,
    2 says every host's changes too. With ``as_json`` standard output gets the one JSON object of
    :meth:`emit` and nothing else.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        as_json: bool = False,
        verbosity: int = 1,
        plain: bool = False,
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.as_json, self.verbosity = as_json, verbosity
        self.board = Board()
        self.begun = time.monotonic()
        self.spans: list[Span] = []  # of steps that ran here, not on hosts
        self.current = ""  # the step that goes on, or that the last failure was in
        self._colours = not plain and coloured(self.out, os.environ)
        self._display = None
        if verbosity and not plain and not as_json and coloured(self.err, os.environ):
            self._display = make_display(self.err, self.board)

    def seconds(self) -> float:
        """Return how long the command has run."""
        return time.monotonic() - self.begun

    @contextmanager
    def step(self, name: str, hosts: Sequence[str] = ()) -> Iterator[None]:
        """Show that a step goes on, then how long it took, or that it failed."""
        begun, wall = time.monotonic(), time.time()
        self.current = name
        self.board.begin(name, hosts, begun)
        if self._display:
            self._display.start()
        state = FAILED
        try:
            yield
            state = FAILED if self.board.failed(name) else DONE
            self.current = ""
        finally:
            if not hosts:
                self.spans.append(Span("", name, wall, time.time(), state))
            moved = self.board.moved()
            self.board.leave()
            self._line(step_line(name, state, time.monotonic() - begun, moved), state)

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Show bytes; a plain log tells their sum when the step ends."""
        self.board.advance(host, done, total)

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        """Show how it stands with a host; a plain log tells failures, and with ``-v 2`` all."""
        self.board.at(host, step, state, detail, time.monotonic())
        if self._display:
            return
        if state == FAILED:
            self._line(f"{step:<13} {host} failed: {detail}")
        elif self.verbosity > 1:
            self._line(f"{step:<13} {host} {detail or state}")

    def note(self, text: str) -> None:
        """Say a line, above the display."""
        if self._display:
            self._display.line(text)
        else:
            print(text, file=self.err, flush=True)

    def _line(self, text: str, state: str = "") -> None:
        if self._display:
            self._display.line(text, state)
        elif self.verbosity:
            print(text, file=self.err, flush=True)

    def ask(self, question: str) -> bool:
        """Ask for a yes, with the display out of the way; no answer is no."""
        self.close()
        print(f"{question} [y/N] ", end="", file=self.err, flush=True)
        try:
            return input().strip().lower() in ("y", "yes")
        except EOFError:
            print(file=self.err)
            return False
        except KeyboardInterrupt:
            print(file=self.err)
            raise

    def print(self, text: str = "", mood: str = "") -> None:
        """Write a line of the result; ``mood`` is ``good``, ``bad`` or ``head``, for colours."""
        self.close()
        if not self.as_json:
            code = _COLOURS.get(mood) if self._colours else None
            print(f"\033[{code}m{text}\033[0m" if code else text, file=self.out, flush=True)

    def emit(self, data: Mapping[str, Any]) -> None:
        """Write the result for machines."""
        self.close()
        if self.as_json:
            print(json.dumps(data, indent=2, sort_keys=True), file=self.out, flush=True)

    def fail(self, message: str, hint: str, code: int) -> None:
        """Write an error: for people on standard error, for machines on standard output too."""
        self.close()
        self.emit({"error": {"message": message, "hint": hint, "exit_code": code}})
        self.complain(message)
        if hint:
            print(self._fitted(hint), file=self.err, flush=True)

    def complain(self, message: str) -> None:
        """Write an error's lines to standard error, with the display out of the way."""
        self.close()
        print(self._fitted(f"error: {message}"), file=self.err, flush=True)

    def _fitted(self, text: str) -> str:
        if not self.err.isatty():
            return text
        return wrapped(text, shutil.get_terminal_size().columns)

    def close(self) -> None:
        """Leave the terminal to others; the next step takes it again."""
        if self._display:
            self._display.stop()


def coloured(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that wants more than plain lines."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def make_display(err: TextIO, board: Board) -> Display | None:
    """Return the live display, None where the extra ``deploy`` is not installed."""
    try:
        from django_deploykit.management.display import Display
    except ImportError:
        return None
    return Display(err, board)


def console_of(options: Mapping[str, Any]) -> Console:
    """Return the console that a command's options ask for, ``--verbosity`` and ``--no-color`` too."""
    return Console(
        as_json=bool(options.get("json")),
        verbosity=int(options.get("verbosity", 1)),
        plain=bool(options.get("no_color")),
    )


def wrapped(text: str, width: int) -> str:
    """Return prose broken between words; lines with a command stay whole, to be copied.

    >>> wrapped("error: one two", 10)
    'error: one\\n  two'
    """
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())] + "  "
        whole = len(line) <= width or any(word in line for word in _COMMANDS)
        lines += (
            [line]
            if whole
            else textwrap.wrap(
                line,
                width,
                subsequent_indent=indent,
                drop_whitespace=True,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    return "\n".join(lines)


def step_line(name: str, state: str, seconds: float, moved: int = 0) -> str:
    """Return a step's line when it has ended.

    >>> step_line("send", "done", 1.25, 2048)
    'send            1.25 s  2.0 KiB'
    """
    size = f"  {in_bytes(moved)}" if moved else ""
    failed = "" if state == DONE else "  failed"
    return f"{name:<13} {seconds:6.2f} s{size}{failed}"


@contextmanager
def last_act() -> Iterator[None]:
    """Let the process end soon after the block: looking for cycles in all that is loaded takes 40 ms."""
    try:
        yield
    finally:
        gc.freeze()


def run_command(
    work: Callable[[], int], console: Console | None = None, *, as_json: bool = False
) -> int:
    """Do a command's work; a user's mistake becomes a message, a hint and an exit code.

    What nobody expected is raised on, after the display is gone and machines got their object.
    """
    console = console or Console(as_json=as_json)
    try:
        return work()
    except DeployKitError as error:
        console.fail(error.message, error.hint, error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        during = f" during {console.current}" if console.current else ""
        console.fail(f"interrupted{during}", "", INTERRUPTED)
        return INTERRUPTED
    except BrokenPipeError:
        return 141
    except Exception as error:
        console.emit(
            {
                "error": {
                    "message": f"unexpected: {type(error).__name__}",
                    "hint": "",
                    "exit_code": 1,
                }
            }
        )
        raise
    finally:
        console.close()
