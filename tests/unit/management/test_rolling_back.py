"""What stands in a rollback's way, and what is said of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from django_deploykit.errors import Problems
from django_deploykit.management.releasing import Releasing
from django_deploykit.management.rolling_back import _judge
from django_deploykit.progress import Quiet
from django_deploykit.release.engine import Engine
from django_deploykit.release.request import Request
from tests.unit.release.fakes import NEW, OLD, FakeTransport, Host

RELEASING = cast(Releasing, SimpleNamespace(environment=SimpleNamespace(name="production")))


class Checked(FakeTransport):
    """A host whose older release reports ``row`` of the database, and whose newer knows everything."""

    row: dict[str, Any]
    judged: dict[str, bool]

    def _kin(self, words: dict[str, str]) -> dict[str, Any]:
        return {"same": False, "breaks": self.judged, "live": NEW}

    def _check(self, words: dict[str, str]) -> dict[str, Any]:
        rows = [self.row] if words["--release"] == OLD else []
        return {"code": 0, "report": {"migrations": rows}}


def judge(row: dict[str, Any], judged: dict[str, bool]) -> None:
    transport = Checked(Host("web1", live=NEW, staged={OLD, NEW}))
    transport.row, transport.judged = {"database": "default", "place": "db", **row}, judged
    engine = Engine({"web1": transport}, cast(Any, None), Request(owner="ann"), Quiet())
    _judge(RELEASING, engine, {"web1": OLD})


def test_says_how_to_take_back_what_breaks_the_older_release() -> None:
    with pytest.raises(Problems) as caught:
        judge({"unknown": ["shop.0002_x"], "back": {"shop": "0001_initial"}}, {})
    command = "./manage.py release production --exec -- migrate --database default shop"
    assert f"{command} 0001_initial" in caught.value.message


def test_never_guesses_where_an_app_ends_in_the_older_release() -> None:
    with pytest.raises(Problems) as caught:
        judge({"unknown": ["shop.0002_x", "shop.0003_y"]}, {})
    assert "web1: shop.0002_x on default" in caught.value.message
    assert "web1: shop.0003_y on default" in caught.value.message
    assert "it does not say where their apps end" in caught.value.message
    assert "zero" not in caught.value.message + caught.value.hint


def test_lets_go_back_what_does_not_disturb_the_older_release() -> None:
    judge({"unknown": ["shop.0002_x"]}, {"shop.0002_x": False})
