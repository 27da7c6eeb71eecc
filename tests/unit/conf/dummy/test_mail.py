"""The mail backend while building."""

from __future__ import annotations

from django.utils.module_loading import import_string

from django_deploykit.conf.services import PLACEHOLDER_MAIL


def test_nothing_is_sent() -> None:
    assert import_string(PLACEHOLDER_MAIL)().send_messages(["a", "b"]) == 2
