"""Parses what ``journalctl --output=json`` prints (pure).

The fields are described in systemd.journal-fields(7).
"""

from __future__ import annotations

import json
from typing import Callable, Dict, List, Optional, Tuple

from ..wire.logs import LogLine

FIELDS = "MESSAGE,_SYSTEMD_UNIT,UNIT"
Instance = Callable[[str], Optional[Tuple[str, str]]]


def parse_entries(text: str, instance: Instance) -> Tuple[List[LogLine], str]:
    """Return the lines in the order of the text, and the cursor of the newest one.

    ``instance`` returns the process and the release of a unit, or None for another unit. What
    systemd itself says about a unit counts as its line. The text is one JSON object on each line.
    """
    found: List[LogLine] = []
    newest, cursor = -1.0, ""
    for row in text.split("\n"):
        entry = _entry(row)
        unit = instance(_text(entry.get("_SYSTEMD_UNIT"))) or instance(_text(entry.get("UNIT")))
        if unit is None:
            continue
        moment = _number(entry.get("__REALTIME_TIMESTAMP")) / 1e6
        for line in _text(entry.get("MESSAGE")).split("\n"):
            found.append(LogLine(line, *unit, time=moment))
        if moment >= newest:
            newest, cursor = moment, _text(entry.get("__CURSOR"))
    return found, cursor


def _entry(row: str) -> Dict[str, object]:
    try:
        found: object = json.loads(row)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    """Return a field: a string, a list of bytes if it is not UTF-8, or several values."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    octets = [one for one in value if isinstance(one, int) and 0 <= one < 256]
    if len(octets) == len(value):
        return bytes(octets).decode("utf-8", "replace")
    return _text(value[-1])


def _number(value: object) -> float:
    text = _text(value)
    return float(text) if text.isascii() and text.isdigit() else 0.0
