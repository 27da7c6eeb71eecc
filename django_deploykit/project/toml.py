"""Reading TOML, which the standard library can do from Python 3.11 on."""

from __future__ import annotations

import sys
from pathlib import Path

from django_deploykit.runtime.base.documents import Document


def load_toml(path: Path) -> Document:
    """Return a TOML file's content. Raise :class:`ValueError` if it is not TOML.

    On Python 3.10, raise :class:`ImportError` without tomli, which the extra ``deploy`` installs.
    """
    return parse_toml(path.read_text(encoding="utf-8"))


def parse_toml(text: str) -> Document:
    """Return the content of a TOML text. It raises the same errors."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    data: Document = tomllib.loads(text)
    return data
