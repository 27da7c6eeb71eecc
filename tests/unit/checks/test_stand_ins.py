"""What a required URL is while there is none says nothing of production."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import Config


def found(key: str, tmp_path: Path) -> list[str]:
    """Run a check and return its messages."""
    return [one.message for one in catalogue()[f"deploykit.{key}"].run(Subject(tmp_path))]


@pytest.mark.parametrize("key", ["E701", "W703", "W501", "E502"])
def test_services_without_a_url_are_not_judged(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD", "1")
    config = Config("shop")
    made = {"CACHES": {"default": config.cache()}, **config.email()}
    sessions = "django.contrib.sessions.backends.cache"
    with override_settings(SESSION_ENGINE=sessions, **made):
        assert found(key, tmp_path) == []


def test_a_dummy_that_was_chosen_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD", "1")
    config = Config("shop")
    made = {"CACHES": {"default": config.cache(default="dummy://")}}
    with override_settings(**made, **config.email(default="dummy://")):
        assert "delivers no mail" in found("E701", tmp_path)[0]
        assert "DummyCache" in found("W501", tmp_path)[0]
