"""Formats sizes for people."""

from __future__ import annotations


def in_bytes(size: float) -> str:
    """Return a number of bytes with its unit.

    >>> in_bytes(1536)
    '1.5 KiB'
    """
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
