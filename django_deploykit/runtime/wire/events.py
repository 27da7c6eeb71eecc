"""What a verb says while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, ClassVar


class Event:
    """Base of events. Its text is what a person sees; "" hides it."""

    name: ClassVar[str]

    def __str__(self) -> str:
        return ""


Emit = Callable[[Event], None]


@dataclass(frozen=True)
class Activity(Event):
    """Something begins or has happened: ``start`` of ``web, worker``, for people to read."""

    name = "activity"
    what: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.of}".rstrip()


@dataclass(frozen=True)
class Arriving(Event):
    """A part of what is sent has arrived: ``bytes`` so far; ``digest`` is the layer's, cut short."""

    name = "received"
    bytes: int
    digest: str = ""


@dataclass(frozen=True)
class OutputLine(Event):
    """A line that a command of the project printed."""

    name = "line"
    line: str

    def __str__(self) -> str:
        return f"  {self.line}"


@dataclass(frozen=True)
class HostWarning(Event):
    """Something that stops nothing, but that a person should know."""

    name = "warning"
    text: str

    def __str__(self) -> str:
        return f"warning: {self.text}"
