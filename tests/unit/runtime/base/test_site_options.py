"""The options of a site: every source reads them with the same words."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import fields

import pytest

from django_deploykit.project.inventory import ENVIRONMENT, HOST, Environment
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.base.site_options import (
    SITE_OPTIONS,
    OptionValue,
    SiteOptions,
    argument_type,
    read_count,
    values_of,
)


def test_sites_environments_and_their_keys_have_every_option() -> None:
    names = [one.name for one in fields(SiteOptions)]
    assert list(SITE_OPTIONS) == names
    for kind in (Site, Environment):
        assert set(names) <= {one.name for one in fields(kind)}
    assert set(names) <= set(ENVIRONMENT)
    assert list(HOST) == ["listen", "health", "keep", "roles"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("listen", "/run/shop/web.sock", "/run/shop/web.sock"),
        ("listen", "127.0.0.1:8000", "127.0.0.1:8000"),
        ("listen", "{address}:8000", "{address}:8000"),
        ("health", "/up", "/up"),
        ("health", "\n/\n/admin/login/", "/ /admin/login/"),
        ("host", "www.example.com", "www.example.com"),
        ("host", "[::1]:8000", "[::1]:8000"),
        ("keep", "3", 3),
        ("boot", "90", 90.0),
        ("boot", "1.5s", 1.5),
        ("drain", "5m", 300.0),
        ("drain", "1h", 3600.0),
        ("roles", "web,\nworker", ("web", "worker")),
        (
            "limits",
            "web.memory_max=1G,worker.tasks_max=9",
            ("web.memory_max=1G", "worker.tasks_max=9"),
        ),
        ("apparmor", "enforce", "enforce"),
        ("proxied", "No", False),
        ("proxied", "on", True),
    ],
)
def test_texts_are_read(name: str, text: str, value: OptionValue) -> None:
    assert SITE_OPTIONS[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("listen", "8000", "must be a path below /run or an address"),
        ("listen", "127.0.0.1:65536", "must be a path below /run or an address"),
        ("listen", "::1:8000", "must have an IPv6 address in brackets"),
        ("listen", "/run/a b", "must be a path below /run or an address"),
        ("health", "up", "must be a path such as /up"),
        ("health", "/a b", "must be a path such as /up"),
        ("host", "https://x", "must be a host name"),
        ("host", "[::1", "must be a host name"),
        ("host", "a:b:c", "must be a host name"),
        ("keep", "0", "must be a whole number of at least 1"),
        ("keep", "-1", "must be a whole number of at least 1"),
        ("keep", "²", "must be a whole number of at least 1"),
        ("listen", "127.0.0.1:²", "must be a path below /run or an address"),
        ("boot", "soon", "must be a duration such as 30, 30s, 5m or 1h"),
        ("roles", "web server", "must be names of processes"),
        ("roles", "a" * 65, "must be names of processes"),
        ("limits", "web=1G", "must be limits such as web.memory_max=512M"),
        ("apparmor", "strict", "must be one of complain, enforce, off"),
        ("proxied", "perhaps", "must be yes or no"),
    ],
)
def test_other_texts_are_refused_with_what_was_expected(
    name: str, text: str, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        SITE_OPTIONS[name].read(text)
    assert repr(text) in str(caught.value)


def test_argparse_gets_the_message_of_a_reader() -> None:
    read = argument_type(read_count)
    assert read("3") == 3
    with pytest.raises(ArgumentTypeError, match="must be a whole number of at least 1, not '0'"):
        read("0")


def test_json_sets_some_options_and_may_hold_more() -> None:
    data = {"keep": 3, "boot": 1, "roles": ["web"], "proxied": False, "colour": "red"}
    assert values_of(data) == {"keep": 3, "boot": 1.0, "roles": ("web",), "proxied": False}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", 8000),
        ("health", None),
        ("keep", "3"),
        ("keep", 1.5),
        ("keep", True),
        ("boot", "1"),
        ("drain", False),
        ("roles", "web"),
        ("roles", [1]),
        ("proxied", 1),
    ],
)
def test_json_of_another_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        values_of({name: value})


def test_options_are_changed_in_a_copy() -> None:
    options = SiteOptions(keep=3)
    changed = options.with_options({"health": "/up"})
    assert (changed.keep, changed.health, options.health) == (3, "/up", "/")
    assert changed.site_values() == {**options.site_values(), "health": "/up"}
