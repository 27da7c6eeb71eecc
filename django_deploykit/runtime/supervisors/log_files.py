"""Logs that are files: one for each process and release, without the times of their lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Dict, List, Tuple

from ..base.files import open_file
from ..wire.logs import LogLine, LogPage, LogRequest

_MOST_BYTES = 256 << 10  # that are read of a file at once


def read_files(request: LogRequest, release: str, path_of: Callable[[str], Path]) -> LogPage:
    """Return lines of a release; ``path_of`` returns the path of a process's file.

    The cursor is the release and the number of bytes that were read of each file.
    """
    offsets = _offsets(request.cursor, release)
    found: List[LogLine] = []
    for process in request.processes:
        lines, offsets[process] = _read(path_of(process), request, offsets.get(process, -1))
        found += [LogLine(line, process, release) for line in lines]
    places = " ".join(f"{process}={offset}" for process, offset in offsets.items())
    return LogPage(tuple(found), f"{release} {places}")


def _offsets(cursor: str, release: str) -> Dict[str, int]:
    """Return the offsets in a cursor; of another release, nothing was read yet."""
    before, _, places = cursor.partition(" ")
    if not cursor:
        return {}
    pairs = (one.rpartition("=") for one in places.split())
    return {name: int(text) if before == release else 0 for name, _, text in pairs}


def _read(path: Path, request: LogRequest, offset: int) -> Tuple[List[str], int]:
    """Return lines of a file, and the offset behind them; an offset of -1 means its end."""
    try:
        with os.fdopen(open_file(path, top=path.parent.parent), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            if offset < 0:
                begin = file.seek(max(0, size - _MOST_BYTES))
                lines = file.read(size - begin).decode("utf-8", "replace").splitlines()
                return lines[1 if begin else 0 :][-request.lines :], size
            begin = file.seek(offset if offset <= size else 0)  # else it was rotated
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return [], 0
    whole = data[: data.rfind(b"\n") + 1]  # the rest of the last line will follow
    return whole.decode("utf-8", "replace").splitlines(), begin + len(whole)
