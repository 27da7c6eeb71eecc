"""Captures what a command prints, to put it into a JSON object."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Captured:
    """The exit code of some work, its standard output and its standard error."""

    code: int
    output: str
    errors: str


def captured(work: Callable[[], int]) -> Captured:
    """Run ``work`` and return what it printed, child processes included.

    Its standard error is printed too, once the work has ended.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
        with _redirected(1, files[0]), _redirected(2, files[1]):
            code = work()
        output, errors = (_text(file) for file in files)
    sys.stderr.write(errors)
    return Captured(code, output, errors)


@contextmanager
def _redirected(descriptor: int, file: BinaryIO) -> Iterator[None]:
    """Let a descriptor of this process write to a file during the block."""
    stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
    stream.flush()
    kept = os.dup(descriptor)
    try:
        os.dup2(file.fileno(), descriptor)
        try:
            yield
        finally:
            stream.flush()
            os.dup2(kept, descriptor)
    finally:
        os.close(kept)


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
