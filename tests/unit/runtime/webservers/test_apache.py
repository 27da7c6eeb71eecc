"""The site's file for Apache."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_deploykit.runtime.webservers.apache import apache
from django_deploykit.runtime.webservers.base import FrontOptions, Website

SITE = Website("shop", "/run/shop/web.sock", ["example.com", ".example.org"], "/static/")
TLS = FrontOptions("/etc/ssl/shop.pem", "/etc/ssl/shop.key")


@pytest.mark.parametrize(
    ("listen", "server"),
    [
        ("/run/shop/web.sock", "unix:/run/shop/web.sock|http://shop/"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
    ],
)
def test_requests_go_to_the_site(listen: str, server: str) -> None:
    text = "\n".join(apache(replace(SITE, listen=listen)))
    assert f'    ProxyPass / "{server}" nocanon upgrade=websocket retry=0 ttl=1' in text
    assert "<VirtualHost *:80>" in text
    assert "Alias" not in text.replace("ServerAlias", "")


@pytest.mark.parametrize(
    ("names", "first", "others"),
    [
        (["example.com"], "example.com", ""),
        (["*.example.com", "a.example.com"], "a.example.com", "*.example.com"),
        ([".example.com"], "example.com", "*.example.com"),
        (["*.example.com"], "shop", "*.example.com"),  # a ServerName has no wildcard
    ],
)
def test_names(names: list[str], first: str, others: str) -> None:
    lines = [line.strip() for line in apache(replace(SITE, names=names))]
    assert f"ServerName {first}" in lines
    assert [line for line in lines if line.startswith("ServerAlias")] == (
        [f"ServerAlias {others}"] if others else []
    )


def test_with_a_certificate_http_redirects() -> None:
    text = "\n".join(apache(replace(SITE, options=TLS)))
    assert text.index("<VirtualHost *:80>") < text.index("R=301") < text.index("*:443>")
    assert "    SSLCertificateKeyFile /etc/ssl/shop.key" in text


def test_the_proxy_leaves_out_what_apache_serves() -> None:
    options = replace(TLS, media_url="/media/", media_folder="/var/lib/shop/media")
    lines = apache(replace(SITE, static_folder="/srv/shop/current/s", options=options))
    places = [line.split()[1:3] for line in lines if line.strip().startswith("ProxyPass ")]
    assert places[:2] == [["/static/", "!"], ["/media/", "!"]]
    assert places[2][0] == "/"
