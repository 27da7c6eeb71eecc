"""Captures standard output, to put it into a JSON object."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable


def captured(work: Callable[[], int]) -> tuple[int, str]:
    """Run ``work``; return its exit code and its standard output, child processes included."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            try:
                code = work()
            finally:
                sys.stdout.flush()
                os.dup2(kept, 1)
            file.seek(0)
            return code, file.read().decode("utf-8", "replace")
    finally:
        os.close(kept)
