"""The cache of settings that are loaded for building."""

from __future__ import annotations

from django.core.cache.backends.dummy import DummyCache


class PlaceholderCache(DummyCache):
    """Django's dummy cache, under a name that no project chooses."""
