"""A verb as its callers see it: its name and the type of its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Type, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A verb and the dataclass of its result. The constants are next to those dataclasses."""

    name: str
    answer: Type[T]
