"""Temporary folders that are removed even after Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PREFIX = ".deploykit-"
_ABANDONED = 24 * 3600  # seconds; no build takes as long
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one is missing on Windows
_ENDING = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


@dataclass
class _Postponed:
    """How many blocks of this process must not be interrupted, and whether a signal arrived."""

    blocks: int = 0
    arrived: bool = False


_postponed = _Postponed()


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
    if _postponed.blocks:
        _postponed.arrived = True
    else:
        raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[None]:
    """In the block, let SIGTERM and SIGHUP raise :class:`KeyboardInterrupt`, as SIGINT does."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, _stop) for number in _ENDING} if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Yield a private folder. SIGTERM and SIGHUP raise :class:`KeyboardInterrupt` in the block."""
    folder: Path | None = None
    with interrupts():
        try:
            with uninterrupted():
                folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            yield folder
        finally:
            with uninterrupted():
                if folder is not None:
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """In :func:`scratch`, let signals raise :class:`KeyboardInterrupt` only after this block.

    Signals are not blocked, because programs that are started in the block would inherit that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _postponed.blocks += 1
    try:
        yield
    finally:
        _postponed.blocks -= 1
        if _postponed.arrived and not _postponed.blocks:
            _postponed.arrived = False
            raise KeyboardInterrupt


def remove_abandoned(parent: Path) -> None:
    """Remove the old folders of :func:`scratch` in a folder, left by builds that were killed."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another build removed it
            if path.stat().st_mtime < time.time() - _ABANDONED:
                shutil.rmtree(path, ignore_errors=True)
