"""Fixtures of the tests of releases."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pauses between two questions to a host be none."""
    monkeypatch.setattr("django_deploykit.release.switching.time.sleep", lambda _: None)
