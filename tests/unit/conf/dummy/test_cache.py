"""The cache while building."""

from __future__ import annotations

from django.utils.module_loading import import_string

from django_deploykit.conf.services import PLACEHOLDER_CACHE


def test_nothing_is_kept() -> None:
    cache = import_string(PLACEHOLDER_CACHE)("", {})
    cache.set("a", 1)
    assert cache.get("a") is None
