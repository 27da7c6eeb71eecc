"""The journal of a site: a history with one JSON object per line, never used as the state."""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence

from ..base.files import open_file, read_end
from ..base.lazy_dataclass import lazy_dataclass
from .events import Emit, HostWarning
from .reader import IgnoresUnknownKeys, WireError, parse, plain

_LONGEST = 8 << 20  # bytes, more than 20,000 records


@lazy_dataclass(frozen=True)
class JournalRecord(IgnoresUnknownKeys):
    """An entry of the journal: ``result`` is ``live``, ``done`` or ``failed``.

    ``time`` is in seconds since the epoch. ``before`` is the release that served before, ``why``
    the reason of a failure, ``databases`` the migrations that ran before it, and ``seconds`` the
    duration of a switch. Other versions write to the same file.
    """

    action: str
    release: str
    result: str
    owner: str = ""
    commit: str = ""
    why: str = ""
    databases: str = ""
    before: Optional[str] = None
    seconds: Optional[float] = None
    time: float = 0.0


def append(path: Path, record: JournalRecord) -> None:
    """Add a record with the current time, in a single write, so that lines never mix."""
    data = plain(replace(record, time=round(time.time(), 3)))
    kept = {key: value for key, value in data.items() if value not in (None, "")}
    line = json.dumps(kept, sort_keys=True) + "\n"
    fd = open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = "\n" + line  # a power failure left an incomplete line
        data = line.encode("utf-8")
        if os.write(fd, data) < len(data):  # the disk is full
            os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(fd)
    finally:
        os.close(fd)


def append_or_warn(path: Path, record: JournalRecord, emit: Emit) -> bool:
    """Add a record to the journal; return False after a warning if that is not possible.

    What was done stays done if the disk is full or read-only, and an error keeps its own text.
    """
    try:
        append(path, record)
    except OSError as error:
        emit(HostWarning(f"{path} cannot be written: {error.strerror}"))
        return False
    return True


def journal_size(path: Path) -> int:
    """Return the journal's size in bytes, which is the place of its next record."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def read_journal(path: Path, after: int = 0) -> List[JournalRecord]:
    """Return the records, oldest first; invalid lines, such as cut-off ones, are left out.

    Of a very long journal only the last records are read. ``after`` is a :func:`journal_size`: only
    records that were added since then are read.
    """
    most = min(_LONGEST, max(0, journal_size(path) - after)) if after else _LONGEST
    try:
        text = read_end(path, most).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    records = []
    for line in text.splitlines():
        try:
            records.append(parse(JournalRecord, line, "record"))
        except WireError:
            continue
    return records


def successes(records: Sequence[JournalRecord]) -> List[str]:
    """Return the releases that went live, without duplicates, the latest last."""
    order: List[str] = []
    for record in records:
        if record.result == "live" and record.release:
            if record.release in order:
                order.remove(record.release)
            order.append(record.release)
    return order


def last_good(
    records: Sequence[JournalRecord], live: Optional[str], staged: Sequence[str]
) -> Optional[str]:
    """Return the target of a rollback without an argument: the release before the live one.

    Bad releases, which were rolled back before, are skipped.
    """
    left = [one.before for one in records if one.action == "rollback"]
    order: List[str] = []
    for record in records:
        if record.result == "live":
            if record.action == "rollback" and record.release in order:
                del order[order.index(record.release) + 1 :]
                continue
            if record.release in order:
                order.remove(record.release)
            order.append(record.release)
    candidates = [one for one in order if one != live and one in staged]
    if live in order:
        before = [one for one in candidates if order.index(one) < order.index(live)]
        return before[-1] if before else None
    good = [one for one in candidates if one not in left]
    return good[-1] if good else None
