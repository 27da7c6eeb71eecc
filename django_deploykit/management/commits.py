"""The commits between two releases, as far as this clone has them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from django_deploykit.runtime.base.printable import printable

_SHOWN = 5
_HASH = re.compile(r"[0-9a-f]{7,40}")


def brought(root: Path, before: str | None, now: str) -> list[str]:
    """Return lines about the commits between two release ids, or none if git lacks one of them."""
    old, new = (before or "").rpartition("-")[2], now.rpartition("-")[2]
    if old == new or not _HASH.fullmatch(old) or not _HASH.fullmatch(new):
        return []
    done = subprocess.run(
        ["git", "log", "--left-right", "--format=%m %h %s", f"{old}...{new}", "--"],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    return commit_lines(done.stdout.splitlines(), old) if done.returncode == 0 else []


def commit_lines(lines: Sequence[str], old: str) -> list[str]:
    """Return summary lines for git's lines: ``> hash subject`` is new, ``<`` is gone.

    >>> commit_lines(["> cd34ef5 Greet again"], "ab12cd3")
    ['1 commit since ab12cd3:', '  + cd34ef5 Greet again']
    """
    came = [line[2:] for line in lines if line.startswith(">")]
    gone = [line[2:] for line in lines if line.startswith("<")]
    words = []
    for title, mark, some in (("since", "+", came), ("fewer than", "-", gone)):
        if some:
            plural = "" if len(some) == 1 else "s"
            words.append(f"{len(some)} commit{plural} {title} {old}:")
            words += [f"  {mark} {cut(line, 72)}" for line in some[:_SHOWN]]
            if len(some) > _SHOWN:
                words.append(f"  {mark} and {len(some) - _SHOWN} more")
    return words


def cut(text: str, width: int) -> str:
    """Return text as one printable line, cut to ``width`` characters."""
    clean = printable(text, "")
    return clean if len(clean) <= width else f"{clean[: width - 1]}…"
