"""A site as web servers see it."""

from __future__ import annotations

from django_deploykit.runtime.webservers.base import Website


def test_static_files_come_from_the_release_by_default() -> None:
    site = Website("shop", "/run/shop/web.sock", ["example.com"])
    assert (site.static_url, site.static_folder) == ("", "")
