"""The runtime's own source files, for bundles and the runtime archive."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

FOLDER = Path(__file__).parent


def sources() -> Dict[str, bytes]:
    """Return the runtime's source files by path below ``runtime/``, such as ``cli/main.py``."""
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*.py"))
    }
