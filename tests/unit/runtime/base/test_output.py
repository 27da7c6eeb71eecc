"""How a verb listens to its caller and talks to it."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from django_deploykit.runtime.base import output

HEEDING = """
import sys, time
from django_deploykit.runtime.base.output import heed
try:
    heed(sys.stdin.fileno())
    {body}
except KeyboardInterrupt:
    print("interrupted")
"""


def start(body: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", HEEDING.format(body=body)],
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
    with start("time.sleep(0.3); print('done')") as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout is not None
        assert process.stdout.read() == b"done\n"


def test_ends_at_once_and_well_while_the_caller_keeps_the_stream_open() -> None:
    with start("print('done')") as process:
        assert process.wait(20) == 0  # an aborting interpreter ends with a signal
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let silence be over soon."""
    monkeypatch.setattr(output, "SILENCE", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_silent_caller_is_a_stream_that_ended() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"one\nhal")
    with io.BufferedReader(output.Patient(reader), 16) as stream:
        assert stream.readline() == b"one\n"
        assert stream.read(10) == b"hal"
        os.write(writer, b"f")
        assert stream.read(1) == b"f"
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels size pipes by themselves")
def test_a_pipe_that_much_comes_through_is_made_wide() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with io.BufferedReader(output.Patient(reader), 16):
        assert os.write(writer, b"x" * (1 << 20)) == 1 << 20
    os.close(reader)
    os.close(writer)


def test_a_caller_that_does_not_read_holds_nothing_up() -> None:
    code = """
import sys
from django_deploykit.runtime.base import output
output.SILENCE = 0.05
voice = output.Voice(person=False)
for _ in range(3000):
    voice.tell("line", line="x" * 100)
print("done", file=sys.stderr)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"done\n"
        process.communicate()
