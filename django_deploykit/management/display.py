"""The live display: rich draws the rows of a :class:`Board` below the printed lines."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console as RichConsole
from rich.live import Live
from rich.text import Text

from django_deploykit.management.progress_rows import WAITS, Board, Row, fitting
from django_deploykit.progress import DONE, FAILED, RUNS

_STYLES = {WAITS: "dim", RUNS: "cyan", DONE: "green", FAILED: "bold red"}
_MARKS = {DONE: "✓", FAILED: "✗", WAITS: "·", RUNS: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"}
_ASCII_MARKS = {DONE: "+", FAILED: "x", WAITS: ".", RUNS: "-\\|/"}
_HOST_WIDTH = 28  # columns of a host's name, at most
_ECHO = 8  # columns left free for the ^C that a terminal echoes, which would wrap a full line


class Display:
    """Draws a board. When it is stopped, nothing of the drawing is left."""

    def __init__(self, err: TextIO, board: Board) -> None:
        self._console = RichConsole(file=err, highlight=False, markup=False, emoji=False)
        self._board = board
        self._live: Live | None = None
        utf = "utf" in (getattr(err, "encoding", "") or "").lower()
        self._marks = _MARKS if utf else _ASCII_MARKS

    def start(self) -> None:
        """Start drawing, unless it has started already."""
        if self._live is None:
            self._live = Live(
                get_renderable=lambda: self.drawing(time.monotonic()),
                console=self._console,
                refresh_per_second=10,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def stop(self) -> None:
        """Remove the drawing and free the terminal."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def line(self, text: str, state: str = "") -> None:
        """Print a line above the drawing, with a mark if ``state`` is given."""
        mark = f"{self._marks[state]} " if state else ""
        words = Text.assemble((mark, _STYLES.get(state, "")), text)
        self._console.print(words, soft_wrap=True)  # one line when it is copied

    def drawing(self, now: float) -> Text:
        """Return the rows as they are at ``now``, in seconds of the monotonic clock."""
        rows, others = fitting(self._board.rows(), max(2, self._console.height - 3))
        longest = max((len(row.host) for row in rows), default=0)
        width = min(longest, _HOST_WIDTH, self._console.width // 3)
        step_width = max([7 if width else 13, *(len(row.step) for row in rows)])
        lines = [self._line(row, now, width, step_width) for row in rows]
        return Text("\n").join([*lines, *([Text(f"  {others}", style="dim")] if others else [])])

    def _line(self, row: Row, now: float, host_width: int, step_width: int) -> Text:
        style, marks = _STYLES[row.state], self._marks[row.state]
        host = Text(row.host, style="bold")
        host.truncate(host_width, overflow="ellipsis", pad=True)
        took = f"{row.seconds(now):.1f} s" if row.begun else ""
        line = Text.assemble(
            (f"{marks[int(now * 10) % len(marks)]} ", style),
            *((host, " ") if host_width else ()),
            (f"{row.step:<{step_width}} ", style),
            f"{took:>8} {row.doing(now)}",
        )
        line.truncate(max(20, self._console.width - _ECHO), overflow="ellipsis")
        return line
