"""Parses the lines that a verb prints for its caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Generic, Optional, Type, TypeVar, Union

from ..base.errors import REFUSED, DeployKitError
from .calls import Call
from .events import Activity, Arriving, Event, HostWarning, OutputLine
from .facts import Held
from .operating import Watching
from .reader import WireError, parse_json, read
from .releasing import Arrived

T = TypeVar("T")
_EVENTS: Dict[str, Type[Event]] = {
    one.name: one for one in (Activity, HostWarning, OutputLine, Arriving, Held, Arrived, Watching)
}


@dataclass(frozen=True)
class Result(Generic[T]):
    """The result of a successful verb."""

    value: T


@dataclass(frozen=True)
class Failure:
    """The error of a failed verb."""

    message: str
    hint: str = ""
    exit_code: int = 1

    def as_error(self) -> DeployKitError:
        """Return the exception that was raised on the host."""
        code = self.exit_code if 0 < self.exit_code < 256 else REFUSED  # never a success
        return DeployKitError(self.message, self.hint, code)


@dataclass(frozen=True)
class Need:
    """What a host lacks for running verbs: ``python`` or ``runtime``."""

    need: str


Message = Union[Result[T], Failure, Need, Event]


def read_message(call: Call[T], line: bytes) -> Optional[Message[T]]:
    """Return the message in a line, or None if it is not a message, such as a login shell's text.

    Raises :class:`WireError` if it is an invalid message.
    """
    try:
        data = parse_json(line, call.name)
    except WireError:
        return None
    if not isinstance(data, dict):
        return None
    if "result" in data:
        return Result(read(call.answer, data["result"], call.name))
    if "error" in data:
        return read(Failure, data["error"], f"{call.name}.error")
    if "event" in data:
        kind = _EVENTS.get(str(data.pop("event")))
        if kind is None:
            raise WireError(f"{call.name} has an unknown event")
        return read(kind, data, f"{call.name}.{kind.name}")
    return read(Need, data, call.name) if "need" in data else None
