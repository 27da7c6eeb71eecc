"""Requests that the site answers in the checking process."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import URLPattern, path

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.offline import no_connections
from django_deploykit.checks.site_requests import ask_site, site_host, site_request
from tests.unit.checks.conftest import Connect


def scheme(request: HttpRequest) -> HttpResponse:
    """Say how the request came."""
    return HttpResponse(headers={"Scheme": request.scheme or "", "Host": request.get_host()})


def query(_: HttpRequest) -> HttpResponse:
    """Query the database."""
    from django.db import connection

    connection.cursor()
    return HttpResponse()


def error_page(_: HttpRequest) -> HttpResponse:
    """Fail, as a 500 page does that uses a static file which is not collected."""
    raise ValueError("Missing staticfiles manifest entry for 'a.css'")


class Failing:
    """A URLconf whose 500 page fails, too."""

    handler500 = staticmethod(error_page)
    urlpatterns: ClassVar[list[URLPattern]] = []


def broken(_: HttpRequest) -> HttpResponse:
    """Raise."""
    raise LookupError("hunter2")


urlpatterns = [path("scheme", scheme), path("query", query), path("broken", broken)]
Failing.urlpatterns = urlpatterns


@pytest.fixture(autouse=True)
def site() -> Any:
    """Make this module the URLconf of the site."""
    hosts = [".example.com"]
    with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=hosts, MIDDLEWARE=[], DEBUG=False):
        yield


@pytest.mark.parametrize(
    ("header", "expected"), [(None, "http"), (("HTTP_X_SSL", "on"), "https"), ("mistake", "http")]
)
def test_the_proxy_sets_the_header_that_the_settings_name(header: Any, expected: str) -> None:
    with override_settings(SECURE_PROXY_SSL_HEADER=header if header != "mistake" else None):
        answer = ask_site(site_request("/scheme", site_host()))
    assert (answer.status, answer.headers["Scheme"]) == (200, expected)
    assert answer.headers["Host"] == "www.example.com"


def test_a_page_that_needs_a_service_is_not_decided(connect: Connect, tmp_path: Any) -> None:
    connect(default=tmp_path / "db.sqlite3")
    with no_connections(), pytest.raises(Undecided, match="--server"):
        ask_site(site_request("/query", site_host()))


@pytest.mark.parametrize(
    ("page", "why"), [("/query", "--server"), ("/broken", "the collected static files")]
)
def test_a_500_page_that_fails_here_does_not_hide_the_reason(
    page: str, why: str, connect: Connect, tmp_path: Any
) -> None:
    connect(default=tmp_path / "db.sqlite3")
    failing = override_settings(ROOT_URLCONF=Failing)
    with failing, no_connections(), pytest.raises(Undecided, match=why):
        ask_site(site_request(page, site_host()))


def test_errors_are_answers_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert ask_site(site_request("/broken", site_host())).status == 500
    assert ask_site(site_request("/nothing", site_host())).status == 404
    assert caplog.records == []
    assert logging.root.manager.disable == logging.NOTSET
