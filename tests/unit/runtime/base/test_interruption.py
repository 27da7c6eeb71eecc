"""Ctrl-C from afar."""

from __future__ import annotations

import subprocess
import sys

_LISTENING = """
import os, sys, time
from django_deploykit.runtime.base.interruption import listen_for_interrupts
try:
    listen_for_interrupts(sys.stdin.fileno())
    {body}
except KeyboardInterrupt:
    print("interrupted")
"""


def start(body: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _LISTENING.format(body=body)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_line_interrupts_however_it_is_cut() -> None:
    with start("time.sleep(60)") as process:
        assert process.stdin is not None
        for piece in (b"inter", b"rupt\n"):
            process.stdin.write(piece)
            process.stdin.flush()
        assert process.stdout is not None
        assert process.stdout.read() == b"interrupted\n"


def test_the_end_of_the_stream_interrupts_nothing() -> None:
    """The process waits until its child, which reads the stream, has ended."""
    with start("os.wait(); print('done')") as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout is not None
        assert process.stdout.read() == b"done\n"


def test_a_verb_ends_at_once_while_the_caller_keeps_the_stream_open() -> None:
    with start("print('done')") as process:
        assert process.wait(60) == 0  # an interpreter that aborts ends with a signal
        assert process.stderr is not None
        assert process.stderr.read() == b""
