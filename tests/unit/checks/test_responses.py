"""Checks of what the site answers to requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings

from django_deploykit import health
from django_deploykit.checks.finding import Undecided
from tests.unit.checks.cases import Case, Cases, case_tests, procfile, run_case

SECURITY = "django.middleware.security.SecurityMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
CLICKJACKING = "django.middleware.clickjacking.XFrameOptionsMiddleware"
HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
NO_PROXY = {"deploykit.ini": "[check]\ntls = django\n"}
WAITRESS = {"Procfile": "web: waitress-serve shop.wsgi:application\n"}


def site(files: dict[str, str] | None = None, **settings: Any) -> Case:
    """Return a project that can be asked."""
    usual: dict[str, object] = {
        "ALLOWED_HOSTS": ["www.example.com"],
        "ROOT_URLCONF": "tests.unit.checks.urls",
        "MIDDLEWARE": [SECURITY],
        "SECURE_SSL_REDIRECT": False,
        "SECURE_PROXY_SSL_HEADER": None,
        "SECURE_HSTS_SECONDS": 0,
        "DEBUG": False,
    }
    return Case({**usual, **settings}, files or {})


def early(get_response: Any) -> Any:
    """Return middleware that answers before others have a say."""
    return lambda _: HttpResponse()


def hostile(get_response: Any) -> Any:
    """Return middleware that needs the name of the site."""

    def ask(request: HttpRequest) -> Any:
        request.get_host()
        return get_response(request)

    return ask


def database(get_response: Any) -> Any:
    """Return middleware that queries the database."""
    from django.db import connection

    return lambda _: connection.cursor()


CASES: Cases = {
    "E205": (
        [site(SECURE_SSL_REDIRECT=True)],
        [
            site(SECURE_SSL_REDIRECT=True, SECURE_PROXY_SSL_HEADER=HEADER),
            site(SECURE_SSL_REDIRECT=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_SCHEME", "tls")),
            site(SECURE_SSL_REDIRECT=True, SECURE_SSL_HOST="other.example.com"),
            site(NO_PROXY, SECURE_SSL_REDIRECT=True),
            site(),
        ],
    ),
    "E206": (
        [site(WAITRESS, MIDDLEWARE=[CSRF])],
        [
            site(WAITRESS, MIDDLEWARE=[CSRF], SECURE_PROXY_SSL_HEADER=HEADER),
            site(WAITRESS, MIDDLEWARE=[CSRF], CSRF_TRUSTED_ORIGINS=["https://www.example.com"]),
            site(WAITRESS),
            site(procfile("web: gunicorn shop.wsgi\n").files, MIDDLEWARE=[CSRF]),
            site({**WAITRESS, **NO_PROXY}, MIDDLEWARE=[CSRF]),
        ],
    ),
    "W213": (
        [
            site(
                MIDDLEWARE=[f"{__name__}.early", SECURITY],
                SECURE_HSTS_SECONDS=3600,
                SECURE_PROXY_SSL_HEADER=HEADER,
            ),
            site(MIDDLEWARE=[f"{__name__}.early", CLICKJACKING]),
        ],
        [
            site(SECURE_HSTS_SECONDS=3600, SECURE_PROXY_SSL_HEADER=HEADER),
            site(MIDDLEWARE=[SECURITY, CLICKJACKING, f"{__name__}.early"]),
            site(MIDDLEWARE=[f"{__name__}.early"]),
            site(
                MIDDLEWARE=[f"{__name__}.hostile", SECURITY],
                ALLOWED_HOSTS=['"www.example.com"'],
                SECURE_HSTS_SECONDS=3600,
                SECURE_PROXY_SSL_HEADER=HEADER,
            ),
        ],
    ),
    "E827": (
        [
            site(MIDDLEWARE=[SECURITY, health.MIDDLEWARE]),
            site(MIDDLEWARE=[f"{__name__}.hostile", health.MIDDLEWARE]),
        ],
        [site(MIDDLEWARE=[health.MIDDLEWARE, f"{__name__}.hostile"]), site()],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


def test_a_probe_that_is_refused_is_found_too(tmp_path: Path) -> None:
    case = site(MIDDLEWARE=[f"{__name__}.hostile", health.MIDDLEWARE])
    found = run_case("E827", case, tmp_path)
    assert [one.message.partition(" to a probe")[0] for one in found] == [
        "MIDDLEWARE has hostile before HealthMiddleware",
        "GET /livez answered 400",
    ]


def test_a_site_without_hosts_here_is_not_decided(tmp_path: Path) -> None:
    with pytest.raises(Undecided, match="ALLOWED_HOSTS has no value here"):
        run_case("E205", site(ALLOWED_HOSTS=[]), tmp_path)


def test_a_token_in_the_session_is_not_decided(tmp_path: Path) -> None:
    case = site(WAITRESS, MIDDLEWARE=[CSRF], CSRF_USE_SESSIONS=True)
    with pytest.raises(Undecided, match="CSRF_USE_SESSIONS"):
        run_case("E206", case, tmp_path)


def test_headers_depend_on_settings_of_this_django(tmp_path: Path) -> None:
    with override_settings(SECURE_CONTENT_TYPE_NOSNIFF=False):
        case = site(MIDDLEWARE=[f"{__name__}.early", SECURITY])
        assert run_case("W213", case, tmp_path) == []
