"""Checks of cookies, passwords and permissions."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path

from tests.unit.checks.cases import HTTPS, Cases, case_tests, run_check, setting

ADMIN = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.admin"]
urlpatterns = [
    path("admin/", include(([path("", lambda _: HttpResponse())], "admin"), namespace="admin"))
]

CASES: Cases = {
    "W308": (
        [setting(INSTALLED_APPS=ADMIN, ROOT_URLCONF="tests.unit.checks.test_accounts")],
        [
            setting(INSTALLED_APPS=[], ROOT_URLCONF="tests.unit.checks.test_accounts"),
            setting(INSTALLED_APPS=ADMIN, ROOT_URLCONF="tests.unit.checks.urls"),
        ],
    ),
    "E301": (
        [setting(SESSION_COOKIE_SAMESITE="None")],
        [setting(SESSION_COOKIE_SAMESITE="None", SESSION_COOKIE_SECURE=True)],
    ),
    "E303": (
        [
            setting(SESSION_COOKIE_NAME="__Host-id"),
            setting(SESSION_COOKIE_NAME="__Host-id", SESSION_COOKIE_DOMAIN="example.org", **HTTPS),
        ],
        [setting(SESSION_COOKIE_NAME="__Host-id", **HTTPS)],
    ),
    "E304": (
        [setting(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])],
        [
            setting(
                PASSWORD_HASHERS=[
                    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
                    "django.contrib.auth.hashers.MD5PasswordHasher",
                ]
            )
        ],
    ),
    "W305": (
        [
            setting(
                INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                AUTH_PASSWORD_VALIDATORS=[],
            )
        ],
        [
            setting(INSTALLED_APPS=[]),
            setting(
                INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                AUTH_PASSWORD_VALIDATORS=[{"NAME": "x"}],
            ),
        ],
    ),
    "W310": ([setting(SESSION_COOKIE_AGE=86400 * 400)], [setting(SESSION_COOKIE_AGE=86400 * 14)]),
    "E311": (
        [setting(SESSION_SERIALIZER="django.contrib.sessions.serializers.PickleSerializer")],
        [setting(SESSION_SERIALIZER="django.contrib.sessions.serializers.JSONSerializer")],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


def test_finds_an_open_api(tmp_path: Path) -> None:
    with override_settings():
        settings.INSTALLED_APPS = ["rest_framework", "corsheaders"]
        assert run_check("W309", tmp_path)
        settings.REST_FRAMEWORK = {
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]
        }
        assert run_check("W309", tmp_path) == []
        settings.CORS_ALLOW_ALL_ORIGINS = True
        assert run_check("E307", tmp_path) == []
        settings.CORS_ALLOW_CREDENTIALS = True
        assert run_check("E307", tmp_path)


@pytest.mark.parametrize("name", ["CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"])
def test_finds_that_every_site_may_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "INSTALLED_APPS", ["corsheaders"])
    monkeypatch.setattr(settings, name, True, raising=False)
    assert [one.id for one in run_check("W313", tmp_path)] == ["deploykit.W313"]
    monkeypatch.setattr(settings, "CORS_ALLOW_CREDENTIALS", True, raising=False)
    assert run_check("W313", tmp_path) == []  # E307 says more
    monkeypatch.setattr(settings, name, False, raising=False)
    assert run_check("W313", tmp_path) == []
