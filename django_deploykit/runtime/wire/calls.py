"""A verb as its callers know it: its name, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Type, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """A verb and the dataclass of its answer. The constants stand beside those dataclasses."""

    name: str
    answer: Type[T]
