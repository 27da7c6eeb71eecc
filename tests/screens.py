"""A pseudo-terminal and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

_CONTROL = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\][^\x07]*\x07")


class Terminal:
    """A terminal of 80 columns; write to ``file``, then look at ``screen``."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.file: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self.columns = columns
        self._pieces: list[bytes] = []
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Terminal:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 1 << 16)
            except OSError:  # the other end was closed
                return
            if not piece:
                return
            self._pieces.append(piece)

    def type(self, text: str) -> None:
        """Type: what the terminal makes of it (a signal for ``^C``) reaches who runs on it."""
        os.write(self._master, text.encode())

    def start(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a command that has this terminal as its own."""

        def claim() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=self.file,
            stdout=self.file,
            stderr=self.file,
            preexec_fn=claim,
        )

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until a text was written."""
        end = time.monotonic() + seconds
        while text not in self.raw:
            assert time.monotonic() < end, f"{text!r} was not shown: {self.raw}"
            time.sleep(0.01)

    @property
    def written(self) -> bytes:
        """Everything that was written so far."""
        return b"".join(self._pieces)

    @property
    def raw(self) -> str:
        """The same as text."""
        return self.written.decode("utf-8")

    @property
    def screen(self) -> list[str]:
        """The lines that a person sees in the end, empty ones left out."""
        return [line for line in draw(self.raw, self.columns) if line]


def pieces(raw: str) -> list[str]:
    """Return the words between cursor movements, each as wide as it was drawn."""
    return _CONTROL.sub("\n", raw).replace("\r", "\n").splitlines()


def draw(text: str, columns: int) -> list[str]:
    """Return the screen's lines after a text with cursor movements.

    >>> draw("one\\r\\x1b[2Ktwo\\r\\n", 80)
    ['two', '']
    """
    lines: list[list[str]] = [[]]
    row = column = place = 0
    while place < len(text):
        found = _CONTROL.match(text, place)
        if found:
            place = found.end()
            count = int(found[1]) if (found[1] or "").isdigit() else 1
            if found[2] == "A":
                row = max(0, row - count)
            elif found[2] == "K":
                lines[row] = [] if found[1] == "2" else lines[row][:column]
            continue
        char = text[place]
        place += 1
        if char == "\r":
            column = 0
        elif char == "\n" or column >= columns:
            row, column = row + 1, 0 if char != "\n" else column
            while len(lines) <= row:
                lines.append([])
        if char in "\r\n":
            continue
        line = lines[row]
        line += [" "] * (column + 1 - len(line))
        line[column] = char
        column += 1
    return ["".join(line).rstrip() for line in lines]
