"""Runs many verbs from one process, so that a controller starts Python only once on each host.

Standard input contains lines of JSON. ``{"call": 1, "words": ["stage", …]}`` starts a verb.
``{"call": 1, "size": 5}`` and the next five bytes are part of its standard input, and
``{"call": 1, "end": true}`` ends that input. Standard output contains ``ready``, then lines that
start with a letter and the call's number: ``o1 …`` is a line of the verb's output, ``e1 …`` a line
of its errors, and ``x1 0`` its exit code. While verbs run and print nothing, ``alive`` shows that
the host works.

Every verb runs in a child process with its own pipes, as if it was started by hand. It continues if
this process or the connection ends.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

from ..base.patience import SILENCE

READY, ALIVE = b"ready\n", b"alive\n"
_HEARTBEAT = 10.0  # seconds without output, after which running verbs are reported as alive
_IDLE = 900.0  # seconds without a message or a running verb, after which this process ends
_BREATH = 0.02  # seconds without a message, after which modules for later verbs are loaded
_PIECE = 1 << 16
_LONGEST_LINE = 1 << 20
Run = Callable[[List[str]], int]


@dataclass
class _Call:
    """A running verb: its process, the write end of its input, and its outputs by descriptor."""

    pid: int
    input: int
    outputs: Dict[int, str]
    rests: Dict[int, bytes] = field(default_factory=dict)


def serve(run: Run) -> int:
    """Run verbs from standard input and output; return the exit code."""
    return VerbServer(run).loop(_preload)


def _preload() -> None:
    """Load the modules that verbs import later, once for all of them."""
    import http.client  # noqa: F401

    from ..deploy import project_commands  # noqa: F401
    from ..storage import receive  # noqa: F401
    from ..supervisors import systemd  # noqa: F401


class VerbServer:
    """Runs verbs until its input ends; ``run`` runs one in a child and returns its exit code."""

    def __init__(self, run: Run, source: int = 0, sink: int = 1) -> None:
        self._run, self._source, self._sink = run, source, sink
        self._calls: Dict[str, _Call] = {}
        self._rest = b""
        self._to: Optional[str] = None  # the call that the next input belongs to
        self._left = 0  # the remaining bytes of that input
        self._listening = True
        self._written = 0.0  # when this process last wrote

    def loop(self, preload: Callable[[], None] = lambda: None) -> int:
        """Serve until the input ends; verbs that still run then continue without this process."""
        self._write(READY)
        patience: float = _BREATH
        while True:
            outputs = {fd: key for key, call in self._calls.items() for fd in call.outputs}
            waiting = min(patience, _HEARTBEAT) if outputs else patience
            ready = select.select([self._source, *outputs], [], [], waiting)[0]
            if outputs and time.monotonic() - self._written > _HEARTBEAT:
                self._write(ALIVE)
            if not ready:
                if patience == _BREATH:
                    patience = _IDLE
                    preload()
                elif not self._calls:
                    return 0
            for fd in ready:
                if fd in outputs:
                    self._relay(outputs[fd], fd)
            if self._source in ready and not self._read():
                return 0

    def _read(self) -> bool:
        """Read available input; return False at its end."""
        piece = os.read(self._source, _PIECE)
        self._rest += piece
        while self._rest:
            if self._to is not None:
                data, self._rest = self._rest[: self._left], self._rest[self._left :]
                self._left -= len(data)
                self._give(self._to, data)
                if self._left:
                    break
                self._to = None
                continue
            line, newline, rest = self._rest.partition(b"\n")
            if not newline:
                if len(line) > _LONGEST_LINE:
                    raise ValueError("a line is too long")
                break
            self._rest = rest
            self._handle(json.loads(line))
        return bool(piece)

    def _handle(self, message: Dict[str, object]) -> None:
        key = str(int(str(message["call"])))
        if isinstance(message.get("words"), list):
            self._begin(key, [str(word) for word in message["words"]])  # type: ignore[attr-defined]
        elif message.get("end"):
            self._end(key)
        else:
            self._to, self._left = key, int(str(message["size"]))

    def _begin(self, key: str, words: List[str]) -> None:
        source, mine = os.pipe()
        out, err = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            self._run_child(words, (source, out[1], err[1]), (mine, out[0], err[0]))
        for fd in (source, out[1], err[1]):
            os.close(fd)
        self._calls[key] = _Call(pid, mine, {out[0]: "o", err[0]: "e"})

    def _run_child(
        self, words: List[str], own: "tuple[int, int, int]", others: "tuple[int, ...]"
    ) -> None:
        """Run a verb in this process, a new child, and exit."""
        code = 1
        try:
            # The reader of a pipe never sees its end while another process has the write end open.
            for fd in (*others, *self._open_pipes()):
                os.close(fd)
            for number, fd in enumerate(own):
                os.dup2(fd, number)
                os.close(fd)
            code = self._run(words)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            if isinstance(error.code, str):
                print(error.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _open_pipes(self) -> List[int]:
        calls = self._calls.values()
        return [fd for call in calls for fd in (call.input, *call.outputs) if fd >= 0]

    def _give(self, key: str, data: bytes) -> None:
        """Pass input to a verb; drop it if the verb has ended or does not read any more."""
        call = self._calls.get(key)
        if call is None or call.input < 0:
            return
        try:
            while data:
                data = data[os.write(call.input, data) :]
        except OSError:
            self._end(key)

    def _end(self, key: str) -> None:
        call = self._calls.get(key)
        if call is not None and call.input >= 0:
            os.close(call.input)
            call.input = -1

    def _relay(self, key: str, fd: int) -> None:
        call = self._calls[key]
        piece = os.read(fd, _PIECE)
        *lines, rest = (call.rests.pop(fd, b"") + piece).split(b"\n")
        if not piece and rest:
            lines, rest = [*lines, rest], b""
        if rest:
            call.rests[fd] = rest
        mark = f"{call.outputs[fd]}{key} ".encode("ascii")
        self._write(b"".join(mark + line + b"\n" for line in lines))
        if not piece:
            os.close(fd)
            del call.outputs[fd]
            if not call.outputs:
                self._finish(key)

    def _finish(self, key: str) -> None:
        self._end(key)
        status = os.waitpid(self._calls.pop(key).pid, 0)[1]
        self._write(f"x{key} {os.waitstatus_to_exitcode(status)}\n".encode("ascii"))

    def _write(self, data: bytes) -> None:
        """Write, unless the controller is gone or has not read for a long time."""
        while data and self._listening:
            try:
                if not select.select([], [self._sink], [], SILENCE)[1]:
                    self._listening = False
                else:
                    data = data[os.write(self._sink, data[:_PIECE]) :]
                    self._written = time.monotonic()
            except OSError:
                self._listening = False
