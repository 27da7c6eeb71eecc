"""Places in an INI and names in the environment belong together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_deploykit.runtime.base.option_names import (
    environment_name,
    key_of,
    missing_keys,
    place_of,
    variable_of,
)

DJANGOS = {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_HOST"}
apps = st.sampled_from(
    [
        "environment",
        "shop",
        "my-shop",
        "my_shop",
        "Shop",
        "database",
        "django",
        "Django",
        "email",
        "mail",
        "a",
    ]
)
words = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
prefixes = [
    "",
    "ENVIRONMENT_",
    "DATABASE_",
    "DJANGO_",
    "SHOP_",
    "MY_",
    "MY_SHOP_",
    "EMAIL_",
    "MAIL_",
    "A_",
    "A__",
]
names = st.sampled_from(sorted(DJANGOS)) | st.builds(str.__add__, st.sampled_from(prefixes), words)


@given(apps, names)
def test_each_name_has_one_place_and_each_place_that_name(app: str, name: str) -> None:
    place = place_of(app, name, DJANGOS.__contains__)
    assert environment_name(*place) == name
    assert place == (place[0], place[1].lower())


@given(apps, names, names)
def test_two_names_have_two_places(app: str, one: str, other: str) -> None:
    places = {place_of(app, name, DJANGOS.__contains__) for name in (one, other)}
    assert len(places) == len({one, other})


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("SECRET_KEY", ("django", "secret_key")),
        ("DATABASE_URL", ("database", "url")),
        ("EMAIL_HOST", ("email", "host")),
        ("STRIPE_ACCOUNT_ID", ("stripe", "account_id")),
        ("COLOUR", ("django", "colour")),
        ("SHOP_COLOUR", ("shop", "colour")),
        ("DJANGO_SECRET_KEY", ("django", "django_secret_key")),
        ("DJANGO_LOG_LEVEL", ("django", "django_log_level")),
        ("ENVIRONMENT_NAME", ("django", "environment_name")),
    ],
)
def test_names_have_their_place(name: str, place: tuple[str, str]) -> None:
    assert place_of("shop", name, DJANGOS.__contains__) == place


@pytest.mark.parametrize(
    ("section", "option", "name"),
    [
        ("django", "secret_key", "SECRET_KEY"),
        ("shop", "colour", "SHOP_COLOUR"),
        ("database", "url", "DATABASE_URL"),
        ("environment", "secret_key", "SECRET_KEY"),
        ("mail-out", "api-key", "MAIL_OUT_API_KEY"),
    ],
)
def test_options_have_their_name(section: str, option: str, name: str) -> None:
    assert environment_name(section, option) == name


@pytest.mark.parametrize(
    ("keys", "environ"),
    [
        (["[database] url"], {}),
        (["[django] database_url"], {}),
        (["[shop] database_url"], {}),
        (["[shop_database] url"], {}),
        (["[environment] database_url"], {}),
        (["[environment] SHOP_DATABASE_URL"], {}),
        ([], {"DATABASE_URL": "x"}),
        ([], {"SHOP_DATABASE_URL": "x"}),
    ],
)
def test_a_required_key_may_be_set_under_each_of_its_names(
    keys: list[str], environ: dict[str, str]
) -> None:
    assert missing_keys(["[database] url"], "shop", keys, environ) == []


def test_a_required_key_that_nothing_sets_is_missing() -> None:
    required = ["[django] secret_key", "[database] url"]
    assert missing_keys(required, "shop", ["[cache] url"], {"URL": "x"}) == required


def test_only_keys_of_the_section_environment_are_variables() -> None:
    assert variable_of("[environment] debug") == "DEBUG"
    assert variable_of("[django] debug") == ""


def test_a_key_is_written_as_in_the_file() -> None:
    assert key_of("database", "url") == "[database] url"
