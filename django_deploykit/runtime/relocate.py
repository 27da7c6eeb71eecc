"""Gives a virtualenv another path: its scripts name the Python that they start."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from pathlib import Path
from typing import Dict, List

_LONGEST = 1 << 20  # bytes of a script; programs are longer and do not name the virtualenv


def relocate(venv: Path, target: Path) -> None:
    """Let the scripts of ``venv`` name ``target``, and RECORD files list their new digests."""
    old, new = os.fsencode(venv), os.fsencode(target)
    changed: Dict[str, bytes] = {}
    for path in [*sorted((venv / "bin").iterdir()), venv / "pyvenv.cfg"]:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST:
            continue
        data = path.read_bytes()
        if old in data and b"\0" not in data:
            changed[os.path.realpath(path)] = data.replace(old, new)
            path.write_bytes(changed[os.path.realpath(path)])
    for record in venv.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        _update(record, changed)


def _update(record: Path, changed: Dict[str, bytes]) -> None:
    """Replace the digests and sizes of changed files in a RECORD."""
    with record.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    site, found = record.parent.parent, False
    for row in rows:
        if row and row[0].startswith(".."):
            data = changed.get(os.path.realpath(site / row[0]))
            if data is not None:
                row[1:] = record_columns(data)
                found = True
    if found:
        with record.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def record_columns(data: bytes) -> List[str]:
    """Return the digest and the size of a file as RECORD has them."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return [f"sha256={digest.decode()}", str(len(data))]
