"""The terminal's side of the three commands: progress, results, questions, errors."""

from __future__ import annotations

import errno
import gc
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from django_deploykit.errors import DeployKitError
from django_deploykit.management.parser import ParsedOptions
from django_deploykit.management.progress_rows import Board
from django_deploykit.progress import DONE, FAILED, in_bytes
from django_deploykit.release.report.timeline import Span
from django_deploykit.runtime.base.errors import INTERRUPTED, REFUSED
from django_deploykit.runtime.base.printable import printable

if TYPE_CHECKING:
    from django_deploykit.management.display import Display

_COMMANDS = ("manage.py ", " -- ", "sudo ", "$ ", "ssh ", "ssh-", "git ", "pip ", "uv ")
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_COLOURS = {"good": "1;32", "bad": "1;31", "head": "1"}


class Console:
    """A :class:`~django_deploykit.progress.Progress` on standard error; results on standard output.

    On a terminal, if rich is installed, a live display shows the current step or its hosts.
    Otherwise each step is one plain line, printed when it ends. ``verbosity`` is Django's: 0 prints
    no steps, 2 also prints every host's changes. With ``as_json``, standard output only gets the
    JSON object of :meth:`emit`. All text passes through :func:`printable`, because much of it comes
    from elsewhere.
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
        self.spans: list[Span] = []  # steps that ran here, not on hosts
        self.current = ""  # the current step, or the one that failed last
        self._colours = not plain and coloured(self.out, os.environ)
        self._display = None
        if verbosity and not plain and not as_json and coloured(self.err, os.environ):
            self._display = make_display(self.err, self.board)

    def seconds(self) -> float:
        """Return how many seconds the command has run."""
        return time.monotonic() - self.begun

    @contextmanager
    def step(self, name: str, hosts: Sequence[str] = ()) -> Iterator[None]:
        """Show that a step is running, then how long it took or that it failed."""
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
            if self.verbosity:
                self._say(step_line(name, state, time.monotonic() - begun, moved), state)

    def advance(self, done: int, total: int, host: str = "") -> None:
        """Show how many bytes are done. A plain log only shows their sum when the step ends."""
        self.board.advance(host, done, total)

    def at(self, host: str, step: str, state: str, detail: str = "") -> None:
        """Show a host's state. A plain log shows failures, and with ``-v 2`` every change.

        Why a host failed is part of the error at the end, with what to do.
        """
        detail = printable(detail, "")
        self.board.at(host, step, state, detail, time.monotonic())
        if self._display or not self.verbosity:
            return
        if state == FAILED:
            self._say(f"{step:<13} {host} failed")
        elif self.verbosity > 1:
            self._say(f"{step:<13} {host} {detail or state}")

    def note(self, text: str) -> None:
        """Print a line above the display."""
        self._say(text)

    def _say(self, text: str, state: str = "") -> None:
        if self._display:
            self._display.line(printable(text), state)
        else:
            self._write(text, self.err)

    def _write(self, text: str, stream: TextIO, colour: str = "", end: str = "\n") -> None:
        clean = printable(text)
        line = f"\033[{colour}m{clean}\033[0m" if colour else clean
        print(line, file=stream, end=end, flush=True)

    def ask(self, question: str) -> bool:
        """Stop the display, ask a question and return the answer. No answer means no."""
        self.close()
        self._write(f"{question} [y/N] ", self.err, end="")
        try:
            return input().strip().lower() in ("y", "yes")
        except (EOFError, KeyboardInterrupt) as error:
            self._write("", self.err)
            if isinstance(error, KeyboardInterrupt):
                raise
            return False

    def print(self, text: str = "", mood: str = "") -> None:
        """Print a line of the result. ``mood`` is ``good``, ``bad`` or ``head``, for the colour."""
        self.close()
        if not self.as_json:
            self._write(text, self.out, _COLOURS.get(mood, "") if self._colours else "")

    def emit(self, data: Mapping[str, object]) -> None:
        """Print the result as JSON, if ``as_json`` is set."""
        self.close()
        if self.as_json:
            print(json.dumps(data, indent=2, sort_keys=True), file=self.out, flush=True)

    def fail(self, message: str, hint: str, code: int) -> None:
        """Print an error on standard error and, with ``as_json``, on standard output as JSON."""
        self.emit({"error": {"message": message, "hint": hint, "exit_code": code}})
        self.complain(message)
        if hint:
            self._write(self._fitted(hint), self.err)

    def complain(self, message: str) -> None:
        """Stop the display and print an error's lines on standard error."""
        self.close()
        self._write(self._fitted(f"error: {message}"), self.err)

    def _fitted(self, text: str) -> str:
        return wrapped(text, shutil.get_terminal_size().columns) if self.err.isatty() else text

    def close(self) -> None:
        """Stop the display, so that others can use the terminal. The next step starts it again."""
        if self._display:
            self._display.stop()


def coloured(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether a stream is a terminal that supports colours and the live display."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def make_display(err: TextIO, board: Board) -> Display | None:
    """Return the live display, or None if the extra ``deploy`` is not installed."""
    try:
        from django_deploykit.management.display import Display
    except ImportError:
        return None
    return Display(err, board)


def console_of(options: ParsedOptions) -> Console:
    """Return the console for a command's options, with the streams passed to ``call_command``."""
    return Console(
        options.get("stdout"),
        options.get("stderr"),
        as_json=bool(options.get("json")),
        verbosity=int(options.get("verbosity", 1)),
        plain=bool(options.get("no_color")),
    )


def wrapped(text: str, width: int) -> str:
    """Return text wrapped between words. Lines with a command stay whole, to be copied.

    >>> wrapped("error: one two", 10)
    'error: one\\n  two'
    """
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if len(line) > width and not any(word in line for word in _COMMANDS):
            indent = line[: len(line) - len(line.lstrip())] + "  "
            lines[place] = textwrap.fill(
                line,
                width,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def step_line(name: str, state: str, seconds: float, moved: int = 0) -> str:
    """Return the line to print when a step has ended.

    >>> step_line("send", "done", 1.25, 2048)
    'send            1.25 s  2.0 KiB'
    """
    size = f"  {in_bytes(moved)}" if moved else ""
    failed = "" if state == DONE else "  failed"
    return f"{name:<13} {seconds:6.2f} s{size}{failed}"


@contextmanager
def last_act() -> Iterator[None]:
    """Freeze the garbage collector after the block, as a final collection would take 40 ms."""
    try:
        yield
    finally:
        gc.freeze()


def run_command(work: Callable[[], int], console: Console | None = None) -> int:
    """Run a command's work and return its exit code. A :class:`DeployKitError` is printed.

    So is an error of a disk that is full, read-only or broken. An unexpected error is raised again, after the display is stopped and JSON is printed.
    """
    console = console or Console()
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
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            _show_unexpected(console, error)
            raise
        where = f"{error.filename}: " if error.filename else ""
        console.fail(f"{where}{error.strerror}", "Make room on this disk, or repair it.", REFUSED)
        return REFUSED
    except Exception as error:
        _show_unexpected(console, error)
        raise
    finally:
        console.close()


def _show_unexpected(console: Console, error: Exception) -> None:
    message = f"unexpected: {type(error).__name__}"
    console.emit({"error": {"message": message, "hint": "", "exit_code": REFUSED}})
