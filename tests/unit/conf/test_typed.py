"""The typed readers: what each returns for a text, and while building for a missing value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from django_deploykit.conf import Config, ConfigError
from django_deploykit.conf.secret import Secret, StandIn
from tests.unit.conf.configs import KEY, make

Read = Callable[[Config], object]
READ: dict[str, tuple[Read, str, object]] = {
    "str": (lambda config: config.str("X"), " a ", " a "),
    "bool": (lambda config: config.bool("X"), "yes", True),
    "int": (lambda config: config.int("X"), "1_000", 1000),
    "float": (lambda config: config.float("X"), "0.5", 0.5),
    "duration": (lambda config: config.duration("X"), "1h30m", timedelta(hours=1.5)),
    "list": (lambda config: config.list("X"), "a, b\nc", ["a", "b", "c"]),
    "choice": (lambda config: config.choice("X", ["a", "b"]), "b", "b"),
    "path": (lambda config: config.path("X"), "/srv", Path("/srv")),
    "url": (lambda config: config.url("X"), "https://a.example/", "https://a.example/"),
    "json": (lambda config: config.json("X"), '{"a": [1]}', {"a": [1]}),
    "hosts": (lambda config: config.hosts("X"), "A.example b.example", ["a.example", "b.example"]),
}


@pytest.mark.parametrize("kind", READ)
def test_a_text_becomes_a_value(kind: str, tmp_path: Path) -> None:
    read, text, value = READ[kind]
    assert read(make(tmp_path, X=text)) == value


@pytest.mark.parametrize("kind", READ)
def test_a_missing_value_is_a_problem_except_while_building(kind: str, tmp_path: Path) -> None:
    read, _, value = READ[kind]
    with pytest.raises(ConfigError, match=r"X is not set: expected an? |X is not set: expected t"):
        read(make(tmp_path))
    placeholder = read(make(tmp_path, DEPLOYKIT_BUILD="1"))
    assert placeholder is None or isinstance(placeholder, type(value))


def test_a_text_that_is_no_choice_is_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="X: expected one of a, b"):
        make(tmp_path, X="c").choice("X", ["a", "b"])


@pytest.mark.parametrize("name", ["SMTP_PASSWORD", "API_TOKEN"])
def test_a_name_of_a_secret_gets_a_hidden_text(name: str, tmp_path: Path) -> None:
    value = make(tmp_path, **{name: "abc"}).str(name)
    assert isinstance(value, Secret)
    assert value == "abc"


def test_services_are_entries_of_django_settings(tmp_path: Path) -> None:
    config = make(tmp_path, DATABASE_URL="sqlite:////x", CACHE_URL="locmem://", EMAIL_URL="dummy:")
    assert config.database()["NAME"] == "/x"
    assert config.cache()["BACKEND"].endswith("LocMemCache")
    building = make(tmp_path, DEPLOYKIT_BUILD="1")
    assert building.database()["ENGINE"] == "django.db.backends.dummy"
    assert building.cache()["BACKEND"].endswith("DummyCache")
    assert "Dummy" in str(building.email()) or "dummy" in str(building.email())


def test_a_secret_is_one_and_has_a_placeholder_while_building(tmp_path: Path) -> None:
    assert isinstance(make(tmp_path, SECRET_KEY=KEY).secret("SECRET_KEY"), Secret)
    assert isinstance(make(tmp_path, DEPLOYKIT_BUILD="1").secret("SECRET_KEY"), StandIn)


def test_a_default_is_validated_as_a_text_is(tmp_path: Path) -> None:
    assert make(tmp_path).duration("X", default="5m") == timedelta(minutes=5)
    with pytest.raises(ConfigError, match="X: the default in the settings: expected a duration"):
        make(tmp_path).duration("X", default="soon")
