"""Lock files, one reader a module. ``READERS`` is the only place that knows their names."""

from __future__ import annotations

from django_deploykit.bundle.locks import pylock, requirements, uv
from django_deploykit.bundle.locks.base import Reader

# By file name, in the order in which a project is searched. A row with ``*`` reads a file that
# deploykit.ini names.
READERS: dict[str, Reader] = {
    "uv.lock": uv.READER,
    "pylock.toml": pylock.READER,
    "requirements.lock": requirements.READER,
    "requirements.txt": requirements.READER,
    "requirements/production.txt": requirements.READER,
    "requirements/prod.txt": requirements.READER,
    "requirements/base.txt": requirements.READER,
    "*.toml": pylock.READER,
    "*": requirements.READER,
}
