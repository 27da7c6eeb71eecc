"""Temporary folders that are gone afterwards, also after Ctrl-C or a polite kill."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Yield a private folder; SIGTERM and SIGHUP end the block as Ctrl-C does.

    While the folder is removed, further signals wait.
    """
    main = threading.current_thread() is threading.main_thread()
    wanted = (signal.SIGTERM, signal.SIGHUP) if main else ()
    before = {number: signal.signal(number, _stop) for number in wanted}
    folder = Path(tempfile.mkdtemp(prefix=".deploykit-", dir=parent))
    try:
        yield folder
    finally:
        quiet = {
            number: signal.signal(number, signal.SIG_IGN)
            for number in (*wanted, *((signal.SIGINT,) if main else ()))
        }
        shutil.rmtree(folder, ignore_errors=True)
        for number, handler in {**quiet, **before}.items():
            signal.signal(number, handler)
