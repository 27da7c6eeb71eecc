"""The live display of a terminal, drawn by rich from a :class:`~.board.Board`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from rich.console import Console as RichConsole
from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from django_deploykit.management.progress_rows import WAITS, Board, Row, doing, shown
from django_deploykit.progress import DONE, FAILED, RUNS

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {WAITS: "dim", RUNS: "cyan", DONE: "green", FAILED: "bold red"}
_HOST_WIDTH = 28  # columns that a host's name gets at most


class Display:
    """Draws a board below the lines that were said; stopped, it leaves nothing of itself."""

    def __init__(self, err: TextIO, board: Board) -> None:
        self._console = RichConsole(file=err, highlight=False, markup=False, emoji=False)
        self._board = board
        self._live: Live | None = None
        fancy = "utf" in (getattr(err, "encoding", "") or "").lower()
        self._marks = (
            {DONE: "✓", FAILED: "✗", WAITS: "·"} if fancy else {DONE: "+", FAILED: "x", WAITS: "."}
        )
        self._spinner = Spinner("dots" if fancy else "line", style="cyan")

    def start(self) -> None:
        """Begin to draw, where it does not yet."""
        if self._live is None:
            self._live = Live(
                get_renderable=self._draw,
                console=self._console,
                refresh_per_second=10,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def stop(self) -> None:
        """Take the drawing away: the terminal is free for others."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def line(self, text: str, state: str = "") -> None:
        """Write a line above the drawing, with a mark where it tells how something ended."""
        words = Text(text)
        if state:
            words = Text.assemble((f"{self._marks[state]} ", _STYLES[state]), text)
        self._console.print(words, soft_wrap=True)  # whole when it is copied

    def _draw(self) -> RenderableType:
        now = time.monotonic()
        rows, rest = shown(self._board.rows(), max(2, self._console.height - 3))
        table = Table.grid(padding=(0, 1))
        several = any(row.host for row in rows)
        table.add_column(width=1)
        if several:
            table.add_column(
                no_wrap=True,
                overflow="ellipsis",
                max_width=min(_HOST_WIDTH, self._console.width // 3),
            )
        table.add_column(
            no_wrap=True, overflow="ellipsis", min_width=7 if several else 13, max_width=40
        )
        table.add_column(no_wrap=True, justify="right", min_width=8)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        # Room for what the terminal shows of Ctrl-C: in a full line it would break the drawing.
        table.width = max(20, self._console.width - 8)
        for row in rows:
            table.add_row(*self._cells(row, now, several=several))
        return Group(table, Text(f"  {rest}", style="dim")) if rest else table

    def _cells(self, row: Row, now: float, *, several: bool) -> list[RenderableType]:
        style = _STYLES[row.state]
        mark: RenderableType = (
            self._spinner if row.state == RUNS else Text(self._marks[row.state], style=style)
        )
        took = f"{row.seconds(now):.1f} s" if row.begun else ""
        host = [Text(row.host, style="bold")] if several else []
        return [mark, *host, Text(row.step, style=style), took, doing(row, now)]
