"""A verb as its callers see it: its name, the type of its result, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Type, TypeVar

T = TypeVar("T")
QUICK = 60.0  # seconds
LONG = 24 * 3600.0  # longer than any migration, check or upload of a release
OPEN = 0.0  # no limit: it ends when its caller ends its input


@dataclass(frozen=True)
class Call(Generic[T]):
    """A verb and the dataclass of its result. The constants are next to those dataclasses.

    ``seconds`` is how long a host may take to answer. A verb that is ``LONG`` may take a day, while
    the host reports every few seconds that it still runs.
    """

    name: str
    answer: Type[T]
    seconds: float = QUICK
