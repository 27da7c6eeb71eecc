"""The site's file for nginx."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_deploykit.runtime.webservers.base import FrontOptions, Website
from django_deploykit.runtime.webservers.nginx import nginx

SITE = Website("shop", "/run/shop/web.sock", ["example.com", ".example.org"], "/static/")


@pytest.mark.parametrize(
    ("listen", "server"),
    [("/run/shop/web.sock", "unix:/run/shop/web.sock"), ("127.0.0.1:8000", "127.0.0.1:8000")],
)
def test_requests_go_to_the_site(listen: str, server: str) -> None:
    lines = nginx(replace(SITE, listen=listen))
    assert f"    server {server} max_fails=0;" in lines
    assert "    server_name example.com .example.org;" in lines
    assert "        proxy_pass http://shop;" in lines
    assert not [line for line in lines if "alias" in line]
    assert "\n".join(lines).count("{") == "\n".join(lines).count("}")


def test_static_files_are_served_directly() -> None:
    text = "\n".join(nginx(replace(SITE, static_folder="/srv/shop/current/app/static")))
    assert "    location /static/ {\n        alias /srv/shop/current/app/static/;" in text
    assert "expires max;" in text


def test_an_idle_connection_is_given_up_before_gunicorn_closes_it() -> None:
    lines = nginx(SITE)
    upstream = lines[lines.index("upstream shop {") : lines.index("}")]
    assert "    keepalive_timeout 1s;" in upstream


TLS = FrontOptions("/etc/ssl/shop.pem", "/etc/ssl/shop.key")


@pytest.mark.parametrize(
    ("version", "listen", "directive"),
    [((), "443 ssl http2", 0), ((1, 22, 1), "443 ssl http2", 0), ((1, 26, 3), "443 ssl", 1)],
)
def test_http2_is_written_as_the_installed_version_wants(
    version: tuple[int, ...], listen: str, directive: int
) -> None:
    lines = nginx(replace(SITE, options=replace(TLS, version=version)))
    assert f"    listen {listen};" in lines
    assert lines.count("    http2 on;") == directive
    assert "        return 301 https://$host$request_uri;" in lines


def test_the_variable_of_a_name_with_dashes_is_valid() -> None:
    assert "map $http_upgrade $my_shop_connection {" in nginx(replace(SITE, app="my-shop"))
