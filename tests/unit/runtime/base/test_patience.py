"""Reading from a caller that may fall silent."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import pytest

from django_deploykit.runtime.base import patience
from django_deploykit.runtime.base.patience import GOODBYE, has_ended, wait_for_end


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for one in (reader, writer):
        try:
            os.close(one)
        except OSError:  # the test closed it
            continue


def test_a_silent_caller_is_a_stream_that_ended(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SILENCE", 0.05)
    reader, writer = pipe
    os.write(writer, b"one\nhal")
    with io.BufferedReader(patience.Patient(reader), 16) as stream:
        assert stream.readline() == b"one\n"
        assert stream.read(10) == b"hal"
        os.write(writer, b"f")
        assert stream.read(1) == b"f"


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels size pipes by themselves")
def test_a_pipe_that_much_comes_through_is_made_wide(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    with io.BufferedReader(patience.Patient(reader), 16):
        assert os.write(writer, b"x" * (1 << 20)) == 1 << 20


def test_a_stream_has_ended_once_the_caller_closed_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.write(writer, b".\n")
    assert not has_ended(reader)
    os.close(writer)
    assert has_ended(reader)


@pytest.mark.parametrize(
    ("pieces", "ended"),
    [
        ((b".\n",), "lost"),
        ((b".\n", GOODBYE), "released"),
        ((b".\ndo", b"ne\n"), "released"),
        ((GOODBYE, b".\n"), "lost"),
    ],
)
def test_waits_until_the_caller_closes_the_stream_or_falls_silent(
    pipe: tuple[int, int], pieces: tuple[bytes, ...], ended: str
) -> None:
    reader, writer = pipe
    with os.fdopen(reader, "rb", closefd=False) as stream:
        assert wait_for_end(stream, 0.0) == "silent"
        for piece in pieces:
            os.write(writer, piece)
        os.close(writer)
        assert wait_for_end(stream, 60.0) == ended
