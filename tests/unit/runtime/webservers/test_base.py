"""A site as web servers see it."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.webservers.base import Website, indented, time_limit


def test_static_files_come_from_the_release_by_default() -> None:
    site = Website("shop", "/run/shop/web.sock", ["example.com"])
    assert (site.static_url, site.static_folder) == ("", "")


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        ("gunicorn shop.wsgi", 60),
        ("gunicorn shop.wsgi --timeout 120", 125),
        ("gunicorn -t=90 shop.wsgi", 95),
        ("gunicorn shop.wsgi --timeout 30", 60),
        ("uwsgi --module shop.wsgi --harakiri 300", 305),
        ("uwsgi --module shop.wsgi -t 300", 60),  # another option of it
        ("daphne shop.asgi:application --timeout 100", 60),
        ("", 60),
    ],
)
def test_the_time_limit_is_longer_than_the_application_servers(command: str, seconds: int) -> None:
    assert time_limit(command) == seconds


def test_empty_lines_are_not_indented() -> None:
    assert indented(["a", ""], "  ") == ["  a", ""]
