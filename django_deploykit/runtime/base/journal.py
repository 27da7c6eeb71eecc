"""The journal of a site: what happened, a JSON object a line; history, never state."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Dict, List, Optional


def append(path: Path, record: Dict[str, Any]) -> None:
    """Add a record, with the time in seconds since the epoch; one write, so lines never mix."""
    line = json.dumps({"time": round(time.time(), 3), **record}, sort_keys=True) + "\n"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.fstat(fd).st_size and not _ends_whole(path):
            line = "\n" + line  # a power cut left half a line
        os.write(fd, line.encode("utf-8"))
        os.fsync(fd)
    finally:
        os.close(fd)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read(path: Path) -> List[Dict[str, Any]]:
    """Return all records, the oldest first; lines that were cut off are left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    records = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def successes(records: List[Dict[str, Any]]) -> List[str]:
    """Return the releases that went live, the last one last, each once."""
    order: List[str] = []
    for record in records:
        release = str(record.get("release", ""))
        if record.get("result") == "live" and release:
            if release in order:
                order.remove(release)
            order.append(release)
    return order


def last_good(
    records: List[Dict[str, Any]], live: Optional[str], staged: List[str]
) -> Optional[str]:
    """Return where a rollback without an argument goes: what was live before the live one.

    Releases that were rolled back from, being bad, are passed over.
    """
    left = [
        record["from"]
        for record in records
        if record.get("action") == "rollback" and "from" in record
    ]
    order: List[str] = []
    for record in records:
        if record.get("result") == "live":
            release = str(record.get("release"))
            if record.get("action") == "rollback" and release in order:
                del order[order.index(release) + 1 :]
                continue
            if release in order:
                order.remove(release)
            order.append(release)
    candidates = [one for one in order if one != live and one in staged]
    if live in order:
        before = [one for one in candidates if order.index(one) < order.index(live)]
        return before[-1] if before else None
    good = [one for one in candidates if one not in left]
    return good[-1] if good else None
