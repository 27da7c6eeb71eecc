"""The error that users see."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.errors import REFUSED, DeployKitError


@pytest.mark.parametrize(("hint", "text"), [("", "wrong"), ("Do this.", "wrong\nDo this.")])
def test_an_error_shows_message_and_hint(hint: str, text: str) -> None:
    error = DeployKitError("wrong", hint)
    assert (error.message, error.hint, error.exit_code) == ("wrong", hint, REFUSED)
    assert str(error) == text


def test_an_error_has_an_exit_code() -> None:
    assert DeployKitError("wrong", exit_code=5).exit_code == 5
