"""The site's file for Caddy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_deploykit.runtime.webservers.base import FrontOptions, Website
from django_deploykit.runtime.webservers.caddy import caddy

SITE = Website("shop", "/run/shop/web.sock", ["example.com", ".example.org"], "/static/")


@pytest.mark.parametrize(
    ("listen", "server"),
    [("/run/shop/web.sock", "unix//run/shop/web.sock"), ("127.0.0.1:8000", "127.0.0.1:8000")],
)
def test_requests_go_to_the_site(listen: str, server: str) -> None:
    lines = caddy(replace(SITE, listen=listen))
    assert "example.com, *.example.org {" in lines
    assert f"\t\treverse_proxy {server} {{" in lines
    assert not [line for line in lines if "file_server" in line]
    assert "\n".join(lines).count("{") == "\n".join(lines).count("}")


def test_static_files_are_served_directly() -> None:
    text = "\n".join(caddy(replace(SITE, static_folder="/srv/shop/current/app/static")))
    assert "\thandle_path /static/* {\n\t\troot * /srv/shop/current/app/static\n" in text
    assert "immutable" in text


def test_an_idle_connection_is_given_up_before_gunicorn_closes_it() -> None:
    assert "\t\t\t\tkeepalive 1s" in caddy(SITE)


def test_caddy_gets_certificates_itself_unless_one_is_given() -> None:
    assert not [line for line in caddy(SITE) if line.startswith("\ttls")]
    given = replace(SITE, options=FrontOptions("/etc/ssl/a.pem", "/etc/ssl/a.key"))
    assert "\ttls /etc/ssl/a.pem /etc/ssl/a.key" in caddy(given)
