"""Cases of the topic ``accounts``: cookies, passwords and sessions."""

from __future__ import annotations

from tests.unit.checks.cases.made import HTTPS, Cases, setting

CASES: Cases = {
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
