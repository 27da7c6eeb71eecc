"""Files for the web server in front: what gets into them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.main import parse
from django_deploykit.runtime.webservers import WEBSERVERS, website
from django_deploykit.runtime.webservers.base import (
    REMOVED_HEADERS,
    UNAVAILABLE_PAGE,
    FrontOptions,
)

SITE = Site(
    "shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
)
NAMES = ["shop.example.com", ".shop.org", "*.shop.net"]


@dataclass(frozen=True)
class Written:
    """What a server's file must contain, outside of comments, for NAMES and for the visitor's scheme."""

    names: str
    scheme: str


# Every server has a row.
WRITTEN = {
    "nginx": Written(
        names="server_name shop.example.com .shop.org *.shop.net;",
        scheme="proxy_set_header X-Forwarded-Proto $scheme;",
    ),
    "apache": Written(
        names="ServerAlias shop.org *.shop.org *.shop.net",
        scheme='RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"',
    ),
    "caddy": Written(
        names="shop.example.com, *.shop.org, *.shop.net {",
        scheme="reverse_proxy unix//run/shop/web.sock",  # sets X-Forwarded-Proto by itself
    ),
}
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
    text = directives(website(SITE, server, "/static/", "app/staticfiles", NAMES))
    assert WRITTEN[server].names in text
    assert "/run/shop/web.sock" in text
    assert "/srv/shop/current/app/staticfiles" in text


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
@pytest.mark.parametrize("static_root", ["", "app/staticfiles"])
def test_the_visitors_scheme_is_passed_on(server: str, static_root: str) -> None:
    text = directives(website(SITE, server, "/static/", static_root, NAMES))
    assert WRITTEN[server].scheme in text


def directives(text: str) -> str:
    """Return a file without its comments."""
    lines = text.splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


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


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
@pytest.mark.parametrize(
    "options",
    [
        FrontOptions(certificate="/etc/a b.pem", key="/etc/k.pem"),
        FrontOptions(certificate="/etc/a.pem", key="/etc/k.pem;"),
        FrontOptions(certificate="a.pem", key="/etc/k.pem"),
        FrontOptions(media_url="/media/", media_folder="/var/lib/shop/{}"),
        FrontOptions(media_url="media/", media_folder="/var/lib/shop/media"),
    ],
)
def test_refuses_paths_that_would_end_a_line(server: str, options: FrontOptions) -> None:
    with pytest.raises(DeployKitError, match="must be a path from / on"):
        website(SITE, server, "/static/", options=options)


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
@pytest.mark.parametrize("listen", ["/run/x;\n}", "/run/x y", "/run/$x", "/run/x{"])
def test_refuses_an_address_that_the_deploy_user_wrote(server: str, listen: str) -> None:
    with pytest.raises(DeployKitError, match=r"site\.json has no valid address"):
        website(replace(SITE, listen=listen), server, "/static/")


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
def test_certificate_media_and_limits_are_in_it(server: str) -> None:
    options = FrontOptions(
        "/etc/ssl/shop.pem", "/etc/ssl/shop.key", "/media/", "/var/lib/shop/media", 7, 125
    )
    text = directives(website(SITE, server, "/static/", "", NAMES, options))
    limit = {"nginx": "7m;"}.get(server, str(7 << 20))
    for part in (*("/etc/ssl/shop.pem", "/etc/ssl/shop.key", "/media/", "/var/lib/shop/media"),):
        assert part in text
    assert limit in text
    assert "125" in text
    without = directives(website(SITE, server, "/static/", "", NAMES))
    assert "/etc/ssl" not in without
    assert "media" not in without


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
def test_headers_of_visitors_do_not_reach_the_site(server: str) -> None:
    text = directives(website(SITE, server, "/static/"))
    removed = [name for name in REMOVED_HEADERS if server != "nginx" or "_" not in name]
    for name in removed:
        assert re.search(rf"[ -]{name}(?: |$)", text, re.MULTILINE), name


@pytest.mark.parametrize("server", sorted(WEBSERVERS))
def test_visitors_get_a_page_while_nothing_answers(server: str) -> None:
    assert UNAVAILABLE_PAGE in website(SITE, server, "/static/")
    assert not set(UNAVAILABLE_PAGE) & set("'\"`${}\\")


def test_one_entry_adds_a_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        WEBSERVERS, "stub", lambda site: [site.app, *site.names, site.static_folder]
    )
    found = website(SITE, "stub", "/static/", "app/static", ["a.example", "-bad"])
    assert found == "shop\na.example\n/srv/shop/current/app/static\n"


def test_the_verb_offers_every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEBSERVERS, "stub", lambda site: [])
    assert parse(["webserver", "stub"]).server == "stub"
