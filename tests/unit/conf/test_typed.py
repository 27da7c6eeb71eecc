"""The typed readers: what each returns for a text, and while building for a missing value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from django_deploykit.conf import Config, ConfigError
from django_deploykit.conf.secret import PLACEHOLDER, Secret
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
    assert building.database()["ENGINE"] == "django_deploykit.conf.dummy"
    assert building.cache()["BACKEND"].endswith("PlaceholderCache")
    assert "Dummy" in str(building.email()) or "dummy" in str(building.email())


def test_a_secret_is_one_and_has_a_placeholder_while_building(tmp_path: Path) -> None:
    assert isinstance(make(tmp_path, SECRET_KEY=KEY).secret("SECRET_KEY"), Secret)
    assert make(tmp_path, DEPLOYKIT_BUILD="1").secret("SECRET_KEY") == PLACEHOLDER


STAND_INS: dict[str, tuple[Read, type]] = {
    **{kind: (read, type(value)) for kind, (read, _, value) in READ.items()},
    "path": (lambda config: config.path("X"), type(Path("/"))),
    "secret": (lambda config: config.secret("X"), str),
    "str of a secret": (lambda config: config.str("API_TOKEN"), str),
    "database": (lambda config: config.database()["ENGINE"], str),
    "cache": (lambda config: config.cache()["BACKEND"], str),
    "call": (lambda config: config("X"), str),
    "call for the key": (lambda config: config("SECRET_KEY"), str),
}


@pytest.mark.parametrize("kind", STAND_INS)
def test_a_stand_in_is_of_the_exact_type(kind: str, tmp_path: Path) -> None:
    read, wanted = STAND_INS[kind]
    assert type(read(make(tmp_path, DEPLOYKIT_BUILD="1"))) is wanted


@pytest.mark.parametrize("name", ["SECRET_KEY", "API_TOKEN"])
def test_a_secret_is_never_empty_while_building(name: str, tmp_path: Path) -> None:
    config = make(tmp_path, DEPLOYKIT_BUILD="1")
    assert config.secret(name) == config.str(name) == config(name) == PLACEHOLDER


def test_a_relative_database_only_works_with_debug_on(tmp_path: Path) -> None:
    config = make(tmp_path, DEBUG="yes", DATABASE_URL="sqlite:///db.sqlite3")
    assert config.database()["NAME"] == Path(__file__).parent.parent / "db.sqlite3"
    assert make(tmp_path, DEBUG="1").database(default="sqlite:///x")["NAME"].name == "x"
    for served in (make(tmp_path, DATABASE_URL="sqlite:///db.sqlite3"), make(tmp_path)):
        with pytest.raises(ConfigError, match="relative ones only work with DEBUG on"):
            served.database(default="sqlite:///db.sqlite3")


def test_services_without_a_default_may_be_none(tmp_path: Path) -> None:
    config = make(tmp_path)
    found = (config.database(default=None), config.cache(default=None), config.email(default=None))
    assert found == (None, None, None)


def test_a_default_is_validated_as_a_text_is(tmp_path: Path) -> None:
    assert make(tmp_path).duration("X", default="5m") == timedelta(minutes=5)
    with pytest.raises(ConfigError, match="X: the default in the settings: expected a duration"):
        make(tmp_path).duration("X", default="soon")
