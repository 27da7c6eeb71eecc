"""Secrets are hidden in messages, reprs, tracebacks with locals, debug pages and explanations."""

from __future__ import annotations

import json
import pickle
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from django.views.debug import ExceptionReporter

from django_deploykit.conf import Config, ConfigError, sample
from django_deploykit.conf.__main__ import explain
from django_deploykit.conf.secret import looks_secret

HUSH = secrets.token_urlsafe(50)
ENVIRON = {
    "SECRET_KEY": HUSH,
    "DATABASE_URL": f"postgres://ann:{HUSH}@db:no-port/shop",
    "CACHE_URL": f"redis://:{HUSH}@cache:no-port/1",
    "EMAIL_URL": f"smtpx://ann:{HUSH}@mail",
    "BROKER_URL": f"amqp://ann:{HUSH}@broker:no-port/",
    "GOOD_URL": f"amqp://ann:{HUSH}@broker:5672/",
    "PRICES": f'{{"key": "{HUSH}" x',
    "API_TOKEN": HUSH,
    "SECRET_KEY_FALLBACKS": f"{HUSH}, {HUSH}",
    "SERVICE_ACCOUNT": f'{{"type": "x", "private_key": "{HUSH}", "more": ["{HUSH}"]}}',
    "PARTNER": f'{{"name": "acme", "client_secret": "{HUSH}"}}',
    "BROKERS": f"amqp://ann:{HUSH}@one, amqp://ann:{HUSH}@two",
    "ADMIN_PIN": "4711",
    "ALLOWED_HOSTS": f"{HUSH}+, https://{HUSH}/, {HUSH}/x, {HUSH}:1, '{HUSH}', postgres://a:{HUSH}@b",
}
READERS: dict[str, Callable[[Config], object]] = {
    "database": lambda config: config.database(),
    "cache": lambda config: config.cache(),
    "email": lambda config: config.email(),
    "url": lambda config: config.url("BROKER_URL"),
    "json": lambda config: config.json("PRICES"),
    "int": lambda config: config.int("API_TOKEN"),
    "float": lambda config: config.float("API_TOKEN"),
    "bool": lambda config: config.bool("API_TOKEN"),
    "duration": lambda config: config.duration("API_TOKEN"),
    "path": lambda config: config.path("API_TOKEN"),
    "choice": lambda config: config.choice("API_TOKEN", ["a", "b"]),
    "call": lambda config: config("API_TOKEN", cast=int),
    "hosts": lambda config: config.hosts("ALLOWED_HOSTS"),
    "call for hosts": lambda config: config("ALLOWED_HOSTS", cast=lambda text: text.split(",")),
}


def config(tmp_path: Path) -> Config:
    return Config("shop", etc=tmp_path, environ=dict(ENVIRON))


def everything_of(error: BaseException) -> str:
    """Return all that tools show of an error: messages, the locals of every frame, the debug page."""
    every = traceback.TracebackException.from_exception(error, capture_locals=True)
    report = ExceptionReporter(None, type(error), error, error.__traceback__)
    return "\n".join([*every.format(), report.get_traceback_text(), report.get_traceback_html()])


@pytest.mark.parametrize("name", READERS)
def test_an_error_does_not_contain_the_value(name: str, tmp_path: Path) -> None:
    made = config(tmp_path)
    with pytest.raises(ConfigError) as caught:
        READERS[name](made)
    assert HUSH not in everything_of(caught.value)
    assert caught.value.__context__ is None  # a context's frames would hold it


def test_values_are_hidden_in_the_frames_of_a_later_error(tmp_path: Path) -> None:
    def view() -> None:
        made = config(tmp_path)
        key = made.secret("SECRET_KEY")
        token = made.str("API_TOKEN")
        called = made("API_TOKEN")
        url = made.url("GOOD_URL")
        raise LookupError(f"{len(key)} {len(token)} {len(called)} {len(url)}")

    with pytest.raises(LookupError) as caught:
        view()
    assert HUSH not in everything_of(caught.value)


def test_an_explanation_has_the_origin_and_hides_the_value(tmp_path: Path) -> None:
    made = config(tmp_path)
    made.secret("SECRET_KEY")
    made("API_TOKEN")
    made.url("GOOD_URL")
    lines = "\n".join(explain(made))
    assert HUSH not in lines + repr(made) + repr(made.sources) + repr(made.declarations)
    assert "SECRET_KEY: ********** from SECRET_KEY" in lines


# Each reader of a secret, by its kind, its name or its value.
SECRETS: dict[str, Callable[[Config], object]] = {
    "list": lambda config: config.list("SECRET_KEY_FALLBACKS"),
    "json": lambda config: config.json("SERVICE_ACCOUNT"),
    "json without a name": lambda config: config.json("PARTNER"),
    "choice": lambda config: config.choice("API_TOKEN", ["a", HUSH]),
    "list of URLs": lambda config: config.list("BROKERS"),
    "url": lambda config: config.url("GOOD_URL"),
    "str": lambda config: config.str("API_TOKEN"),
    "cast": lambda config: config("SECRET_KEY_FALLBACKS", cast=lambda text: text.split(",")),
}


@pytest.mark.parametrize("name", SECRETS)
def test_an_explanation_hides_secrets_of_every_reader(name: str, tmp_path: Path) -> None:
    made = config(tmp_path)
    SECRETS[name](made)
    (line,) = explain(made)
    assert HUSH not in line
    assert "**********" in line


@pytest.mark.parametrize("name", ["list", "json", "json without a name", "choice"])
def test_values_with_the_name_of_a_secret_have_a_hidden_repr(name: str, tmp_path: Path) -> None:
    value = SECRETS[name](config(tmp_path))
    assert HUSH in str(value) or HUSH in json.dumps(value)
    assert HUSH not in repr(value)


def test_an_explanation_hides_numbers_that_are_secret(tmp_path: Path) -> None:
    made = config(tmp_path)
    assert made.int("ADMIN_PIN") == 4711
    assert explain(made) == ["ADMIN_PIN: ********** from ADMIN_PIN"]


@pytest.mark.parametrize(
    "read",
    [
        lambda config: config.str("BROKER", default=f"amqp://ann:{HUSH}@host"),
        lambda config: config.list("BROKER", default=[f"amqp://ann:{HUSH}@host"]),
        lambda config: config("BROKER", default=f"amqp://{HUSH}@host"),
        lambda config: config.json("BROKER", default={"x": {"password": HUSH}}),
        lambda config: config.json("BROKER", default=f'{{"apiKey": "{HUSH}"}}'),
        lambda config: config.str("BROKER", default=f"host=db password={HUSH}"),
        lambda config: config.str("BROKER", default=f"host=db password=-{HUSH}"),
        lambda config: config.str("BROKER", default=f"host=db password = +/{HUSH}"),
        lambda config: config.list("PREVIOUS_KEYS", default=[HUSH]),
        lambda config: config.int("ADMIN_PIN_DEFAULT", default=4711),
    ],
)
def test_neither_samples_nor_explanations_show_a_secret_default(
    read: Callable[[Config], object], tmp_path: Path
) -> None:
    made = config(tmp_path)
    read(made)
    shown = "\n".join([sample(made.declarations), *explain(made), repr(made.declarations)])
    assert HUSH not in shown
    assert "4711" not in shown
    assert "the default is not shown" in shown


@pytest.mark.parametrize(
    "name", ["PUBLIC_URL", "TIME_ZONE", "CACHE_KEY_PREFIX", "MONKEYS", "AUTHOR", "SPINNER"]
)
def test_ordinary_names_are_not_secret(name: str) -> None:
    assert not looks_secret(name)


def test_a_secret_works_like_its_text(tmp_path: Path) -> None:
    value = config(tmp_path).secret("SECRET_KEY")
    assert value == HUSH
    assert value.encode() == HUSH.encode()
    assert hash(value) == hash(HUSH)
    assert pickle.loads(pickle.dumps(value)) == HUSH
    assert f"{value}" == HUSH
