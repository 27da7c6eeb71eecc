"""The parts of a URL, and the types of its options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_deploykit.conf.secret import Secret
from django_deploykit.conf.urls import split, standard_parts, typed


def test_a_url_has_a_login_hosts_a_path_and_options() -> None:
    parts = split("X://ann:p%40w@A.example:1,[::1]:2/d?a=1&b=", ["x"], "x://host", ["x"])
    assert (parts.scheme, parts.user, parts.password) == ("x", "ann", "p@w")
    assert parts.places == (("a.example", 1), ("::1", 2))
    assert parts.netlocs == ["a.example:1", "[::1]:2"]
    assert (parts.path, parts.options) == ("/d", {"a": "1", "b": ""})
    assert parts.quoted_login == "ann:p%40w@"


def test_a_malformed_url_has_no_parts() -> None:
    for url in ("https://[::1", "https://[x]/", "https://a:port/", "https://a:70000/"):
        assert standard_parts(url) is None
    parts = standard_parts("https://[::1]:80/up")
    assert parts is not None
    assert (parts.hostname, parts.port) == ("::1", 80)


def test_a_repr_hides_the_login_and_the_options() -> None:
    assert "7c2f" not in repr(split("x://ann:7c2f@h?password=7c2f", ["x"], "x://host"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("timeout", "20", 20),
        ("timeout", "0", 0),
        ("timeout", "-1", -1),
        ("timeout", "0.5", 0.5),
        ("timeout", "None", None),
        ("pool", "true", True),
        ("pool", "False", False),
        ("code", "007", "007"),
        ("code", "1" * 30, "1" * 30),
        ("code", "1e5", "1e5"),
        ("password", "0123", "0123"),
        ("password", "123", "123"),
        ("passfile", "true", "true"),
        ("user", "12", "12"),
        ("application_name", "none", "none"),
        ("sslmode", "require", "require"),
    ],
)
def test_an_option_has_the_type_that_it_looks_like(name: str, text: str, value: object) -> None:
    found = typed(name, text)
    assert found == value
    assert type(found) is type(value) or isinstance(found, Secret)


@given(st.text(max_size=40))
def test_any_text_is_split_or_refused(text: str) -> None:
    for scheme in ("x", "sqlite"):
        try:
            parts = split(f"{scheme}://{text}", ["x", "sqlite"], "x://host", ["x"])
        except ValueError:
            continue
        assert parts.scheme == scheme
