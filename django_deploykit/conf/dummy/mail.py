"""The mail backend of settings that are loaded for building."""

from __future__ import annotations

from django.core.mail.backends.dummy import EmailBackend as DummyBackend


class EmailBackend(DummyBackend):
    """Django's dummy backend, under a name that no project chooses."""
