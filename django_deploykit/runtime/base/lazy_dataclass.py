"""Frozen dataclasses that are completed when they are first used.

Completing a dataclass takes half a millisecond, because :mod:`dataclasses` writes its methods as
text and compiles them. A verb uses only a few of the runtime's dataclasses.
"""

from __future__ import annotations

from _thread import RLock  # importing threading takes a millisecond
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Any, Callable, Dict, Type, TypeVar

__all__ = ["lazy_dataclass"]
T = TypeVar("T")
_LOCK = RLock()


def _lazy(cls: Type[T]) -> Type[T]:
    setattr(cls, "__dataclass_fields__", _Fields(cls))  # noqa: B010 - not an attribute for mypy
    setattr(cls, "__new__", _new)  # noqa: B010
    return cls


def _new(cls: Any, *_args: object, **_values: object) -> object:
    with _LOCK:  # another thread may be completing the class
        fields(cls)
    return object.__new__(cls)


class _Fields:
    """The place where :mod:`dataclasses` looks for a class's fields; a look completes the class."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def __get__(self, instance: object, cls: object) -> Dict[str, Field[Any]]:
        with _LOCK:
            if vars(self._of)["__dataclass_fields__"] is self:
                dataclass(frozen=True)(self._of)
        found: Dict[str, Field[Any]] = self._of.__dataclass_fields__
        return found


if TYPE_CHECKING:
    from dataclasses import dataclass as lazy_dataclass
else:

    def lazy_dataclass(*, frozen: bool) -> Callable[[Type[T]], Type[T]]:
        """Return a decorator for a frozen dataclass.

        The class is completed at its first instance, or when its fields are first looked at.
        """
        assert frozen
        return _lazy
