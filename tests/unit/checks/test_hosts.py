"""Checks of host names, proxies and TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.hosts import changed_lately
from tests.projects import commit, start_repository
from tests.unit.checks.cases import Case, Cases, case_tests, procfile, run_check, setting

CASES: Cases = {
    "E216": (
        [setting(PREPEND_WWW=True, ALLOWED_HOSTS=["example.com"])],
        [
            setting(PREPEND_WWW=True, ALLOWED_HOSTS=["example.com", "www.example.com"]),
            setting(PREPEND_WWW=True, ALLOWED_HOSTS=[".example.com"]),
            setting(PREPEND_WWW=True, ALLOWED_HOSTS=["localhost", "*"]),
            setting(PREPEND_WWW=False, ALLOWED_HOSTS=["example.com"]),
        ],
    ),
    "W201": ([setting(ALLOWED_HOSTS=["*"])], [setting(ALLOWED_HOSTS=["shop.example.org"])]),
    "E202": (
        [
            setting(ALLOWED_HOSTS=[host])
            for host in (
                "https://example.org",
                "example.org:80",
                "'example.org'",
                "example.org/",
                "a b",
            )
        ],
        [setting(ALLOWED_HOSTS=["example.org", ".example.org", "[::1]", "*"])],
    ),
    "W203": (
        [Case({"ALLOWED_HOSTS": ["localhost", "shop.example.com"]}, subject={"server": True})],
        [
            Case({"ALLOWED_HOSTS": ["localhost", "shop.de"]}, subject={"server": True}),
            setting(ALLOWED_HOSTS=["localhost"]),
        ],
    ),
    "E204": (
        [
            setting(CSRF_TRUSTED_ORIGINS=["https://example.org/"]),
            setting(CSRF_TRUSTED_ORIGINS=["example.org"]),
            setting(CSRF_TRUSTED_ORIGINS=["https://[::1"]),
            setting(CSRF_TRUSTED_ORIGINS=["https://example.org:port"]),
            setting(CSRF_TRUSTED_ORIGINS=["http://example.org"], CSRF_COOKIE_SECURE=True),
        ],
        [setting(CSRF_TRUSTED_ORIGINS=["https://example.org", "https://*.example.org"])],
    ),
    "W207": (
        [
            Case(
                {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
                {"deploykit.ini": "[check]\ntls = django\n"},
            )
        ],
        [setting(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))],
    ),
    "E208": (
        [
            setting(SECURE_PROXY_SSL_HEADER=("X-Forwarded-Proto", "https")),
            setting(SECURE_PROXY_SSL_HEADER="HTTP_X_FORWARDED_PROTO"),
        ],
        [setting(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))],
    ),
    "E209": (
        [setting(SECURE_REDIRECT_EXEMPT=["^/up$"]), setting(SECURE_REDIRECT_EXEMPT=["/up"])],
        [setting(SECURE_REDIRECT_EXEMPT=["^up$"])],
    ),
    "W210": (
        [procfile("web: gunicorn shop.wsgi --bind 0.0.0.0:8000\n")],
        [
            procfile("web: gunicorn shop.wsgi --bind 127.0.0.1:8000\n"),
            procfile(
                "web: gunicorn shop.wsgi --bind 0.0.0.0:8000 --forwarded-allow-ips 10.0.0.1\n"
            ),
        ],
    ),
    "W211": (
        [
            setting(
                SECURE_HSTS_PRELOAD=True,
                SECURE_HSTS_SECONDS=3600,
                SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
            )
        ],
        [
            setting(
                SECURE_HSTS_PRELOAD=True,
                SECURE_HSTS_SECONDS=31536000,
                SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
            ),
            setting(SECURE_HSTS_SECONDS=3600),
        ],
    ),
    "W215": (
        [Case({"USE_X_FORWARDED_HOST": True}, {"deploykit.ini": "[check]\ntls = none\n"})],
        [setting(USE_X_FORWARDED_HOST=True)],
    ),
    "E302": (
        [setting(SESSION_COOKIE_DOMAIN="other.org", ALLOWED_HOSTS=["shop.example.org"])],
        [setting(SESSION_COOKIE_DOMAIN=".example.org", ALLOWED_HOSTS=["shop.example.org"])],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


def test_a_release_says_where_its_host_names_belong(tmp_path: Path) -> None:
    with override_settings(ALLOWED_HOSTS=["localhost"]):
        (found,) = run_check("W203", tmp_path, server=True, released=True)
        assert found.path.startswith("/etc/")
        assert f"to {found.path}" in found.hint
        (found,) = run_check("W203", tmp_path, server=True)
    assert not found.path.startswith("/etc/")


def test_a_year_of_hsts_at_once_is_found(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings("SECURE_HSTS_SECONDS = 31536000\n")
    monkeypatch.setattr(settings, "SECURE_HSTS_SECONDS", 31536000)
    start_repository(project)
    tracked = ("own_settings.py",)
    (found,) = run_check("W212", project, tracked=tracked)
    assert found.message == "SECURE_HSTS_SECONDS is 31536000 in the first commits that have it"
    write_settings("SECURE_HSTS_SECONDS = 31536000 * 1\n")
    commit(project)
    assert run_check("W212", project, tracked=tracked) == []


def test_without_the_history_the_first_value_is_not_known(project: Path) -> None:
    with pytest.raises(Undecided, match="the history of the repository is not here"):
        changed_lately(project, "own_settings.py", "SECURE_HSTS_SECONDS")
