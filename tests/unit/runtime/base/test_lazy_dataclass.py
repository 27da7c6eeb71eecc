"""Dataclasses that are completed when they are first used."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace

import pytest

from django_deploykit.runtime.base.lazy_dataclass import lazy_dataclass


class Base:
    """A class without fields."""


@lazy_dataclass(frozen=True)
class Parent(Base):
    number: int
    names: dict[str, str] = field(default_factory=dict)


@lazy_dataclass(frozen=True)
class Child(Parent):
    text: str = ""


@dataclass(frozen=True)
class Usual(Child):
    more: int = 0


class Plain(Parent):
    """A subclass that is no dataclass of its own."""


def fresh() -> type:
    @lazy_dataclass(frozen=True)
    class Fresh:
        number: int = 1

    return Fresh


def is_complete(cls: type) -> bool:
    return "__init__" in vars(cls)


def test_is_a_frozen_dataclass() -> None:
    one = Child(1, text="a")
    assert one == Child(1, {}, "a")
    assert one != Child(1)
    assert repr(one) == "Child(number=1, names={}, text='a')"
    assert asdict(replace(one, number=2)) == {"number": 2, "names": {}, "text": "a"}
    assert pickle.loads(pickle.dumps(one)) == one
    assert hash(fresh()(2)) == hash((2,))
    with pytest.raises(FrozenInstanceError):
        one.text = "b"  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'number'"):
        Child()  # type: ignore[call-arg]


def test_other_classes_may_derive_from_it() -> None:
    assert [one.name for one in fields(Usual)] == ["number", "names", "text", "more"]
    assert Usual(1, more=2).more == 2
    assert Plain(3).number == 3
    assert [one.name for one in fields(Plain)] == ["number", "names"]


@pytest.mark.parametrize("use", [is_dataclass, fields, lambda cls: cls()])
def test_is_completed_when_it_is_used(use: Callable[[type], object]) -> None:
    cls = fresh()
    assert not is_complete(cls)
    use(cls)
    assert is_complete(cls)


def test_threads_may_use_it_first_at_the_same_time() -> None:
    classes = [fresh() for _ in range(50)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda cls: cls(7), [one for one in classes for _ in range(4)]))
    assert {one.number for one in made} == {7}
    assert len(set(made[:4])) == 1
