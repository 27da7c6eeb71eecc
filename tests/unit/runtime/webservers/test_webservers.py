"""Files for the web server in front: what gets into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.main import parse
from django_deploykit.runtime.webservers import WEBSERVERS, website

SITE = Site(
    "shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
)
HOSTILE = (
    "a b",
    "a;return 200",
    "a{",
    "a}\n",
    "$host",
    '"',
    "-x",
    "x-",
    "../x",
    "",
    "*",
    "a\nb",
    "é.example",
    "_",
)


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_are_none_stay_outside(server: str, name: str) -> None:
    assert website(SITE, server, "/static/", "", [name]) == website(SITE, server, "/static/")
    both = website(SITE, server, "/static/", "", [name, "shop.example.com"])
    assert both == website(SITE, server, "/static/", "", ["shop.example.com"])


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
def test_the_sites_names_and_socket_are_in_it(server: str) -> None:
    text = website(SITE, server, "/static/", "app/staticfiles", ["shop.example.com", ".shop.org"])
    assert "shop.example.com" in text
    assert "/run/shop/web.sock" in text
    assert "/srv/shop/current/app/staticfiles" in text


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/st atic/", "app/s"),
        ("/s{/", "app/s"),
        ("/s;/", "app/s"),
        ("/s/", "app/s;"),
        ("/s/", "a\n"),
    ],
)
def test_refuses_folders_that_would_end_a_line(server: str, url: str, folder: str) -> None:
    with pytest.raises(DeployKitError, match="cannot serve static files"):
        website(SITE, server, url, folder)


def test_one_entry_adds_a_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        WEBSERVERS, "stub", lambda site: [site.app, *site.names, site.static_folder]
    )
    found = website(SITE, "stub", "/static/", "app/static", ["a.example", "-bad"])
    assert found == "shop\na.example\n/srv/shop/current/app/static\n"


def test_the_verb_offers_every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEBSERVERS, "stub", lambda site: [])
    assert parse(["webserver", "stub"]).server == "stub"
