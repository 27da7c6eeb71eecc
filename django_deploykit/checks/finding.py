"""A finding: one problem that a check reports."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

LEVELS = ("INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Finding:
    """One problem, what to do about it, and where it is.

    A check names either the ``setting`` at fault or a ``path``, relative to the project, with a
    ``line`` (0 if unknown). Running the check adds its ``id``, its ``level`` (one of
    :data:`LEVELS`) and the place that sets the setting.
    """

    message: str
    hint: str = ""
    setting: str = ""
    path: str = ""
    line: int = 0
    id: str = ""
    level: str = ""

    @property
    def where(self) -> str:
        """The place in a form that editors open, ``shop/settings.py:14``, or an empty string."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path

    @property
    def fingerprint(self) -> str:
        """An id of this problem that stays the same if only its line number changes."""
        data = "\0".join((self.id, self.path, self.message))
        return hashlib.sha256(data.encode()).hexdigest()[:32]

    def reaches(self, level: str) -> bool:
        """Whether the finding is at or above a level."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


@dataclass(frozen=True)
class Skipped:
    """A finding that does not count, or a silenced check (``finding`` is None), and the reason."""

    id: str
    reason: str
    finding: Finding | None = None

    def __str__(self) -> str:
        return f"{self.id} skipped: {self.reason}"


@dataclass(frozen=True)
class NotChecked:
    """The id of a check that gave no result, and why. It did not pass, and it did not fail."""

    id: str
    reason: str


class Undecided(Exception):
    """A check cannot decide here. The text says why, and what it would need."""
