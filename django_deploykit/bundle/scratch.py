"""Temporary folders that are removed even after Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
    raise KeyboardInterrupt


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Yield a private folder. SIGTERM and SIGHUP raise :class:`KeyboardInterrupt` in the block.

    Signals are blocked while the folder is created or removed.
    """
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, _stop) for number in _ENDING[1:]} if main else {}
    folder: Path | None = None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        folder = Path(tempfile.mkdtemp(prefix=".deploykit-", dir=parent))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield folder
    finally:
        interrupted = _remove(folder)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if interrupted:
            raise KeyboardInterrupt


def _remove(folder: Path | None) -> bool:
    """Remove a folder. Return whether a signal arrived before signals were blocked."""
    interrupted = False
    while True:
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        except KeyboardInterrupt:
            interrupted = True
        else:
            return interrupted
