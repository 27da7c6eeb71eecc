"""The events that a verb reports while it runs."""

from __future__ import annotations

from typing import Callable, ClassVar

from ..base.lazy_dataclass import lazy_dataclass


class Event:
    """Base of events. Its text is shown to people; an empty text is not shown."""

    name: ClassVar[str]

    def __str__(self) -> str:
        return ""


Emit = Callable[[Event], None]


@lazy_dataclass(frozen=True)
class Activity(Event):
    """Something starts or has happened, for people to read: ``start`` of ``web, worker``."""

    name = "activity"
    what: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.of}".rstrip()


@lazy_dataclass(frozen=True)
class Arriving(Event):
    """Part of the data has arrived: ``bytes`` so far; ``digest`` is the layer's, shortened."""

    name = "received"
    bytes: int
    digest: str = ""


@lazy_dataclass(frozen=True)
class OutputLine(Event):
    """A line printed by a command of the project."""

    name = "line"
    line: str

    def __str__(self) -> str:
        return f"  {self.line}"


@lazy_dataclass(frozen=True)
class HostWarning(Event):
    """A problem that does not stop the verb, but that people should know about."""

    name = "warning"
    text: str

    def __str__(self) -> str:
        return f"warning: {self.text}"
