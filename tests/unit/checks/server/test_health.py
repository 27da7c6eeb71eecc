"""The health path, requested in the checking process."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import override_settings
from django.urls import path

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.server.health import HealthRequest, parse_request, request_problem
from tests.unit.checks.cases import run_check
from tests.unit.checks.conftest import Connect

release = threading.Event()


def healthy(_: HttpRequest) -> HttpResponse:
    """Respond as a healthy page does."""
    return HttpResponse("up")


def broken(_: HttpRequest) -> HttpResponse:
    """Fail with a secret in the text."""
    raise LookupError("hunter2")


def redirecting(request: HttpRequest) -> HttpResponse:
    """Redirect to HTTPS unless the proxy says that it is used."""
    if request.headers.get("X-Forwarded-Proto") == "https":
        return HttpResponse("up")
    return HttpResponseRedirect(f"https://{request.get_host()}/redirecting")


def hanging(_: HttpRequest) -> HttpResponse:
    """Respond when the test is over."""
    release.wait(30)
    return HttpResponse("late")


def querying(_: HttpRequest) -> HttpResponse:
    """Fail with the database's answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    raise LookupError("no row")


def without_table(_: HttpRequest) -> HttpResponse:
    """Fail as a query on a table that is missing does."""
    try:
        raise OperationalError("no such table")
    except OperationalError as error:
        raise LookupError("no row") from error


urlpatterns = [
    path("querying", querying),
    path("without-table", without_table),
    path("up", healthy),
    path("broken", broken),
    path("redirecting", redirecting),
    path("hanging", hanging),
]


@pytest.fixture(autouse=True)
def site() -> object:
    """Make this module the URLconf of the site."""
    release.clear()
    with override_settings(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["www.example.com"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DEBUG=False,
    ):
        yield
    release.set()


def test_the_check_requests_what_it_is_given(tmp_path: Path) -> None:
    assert run_check("E814", tmp_path) == run_check("E814", tmp_path, ask="/up") == []
    (found,) = run_check("E814", tmp_path, ask="/broken")
    assert found.message.startswith("GET /broken answered 500")


def test_a_malformed_url_is_a_finding(tmp_path: Path) -> None:
    (found,) = run_check("E814", tmp_path, ask="https://[::1/up")
    assert found.message.startswith("expected a path such as /up or a URL")
    assert parse_request("https:///up").host == "www.example.com"
    assert parse_request("//[x?a#b") == HealthRequest("//[x?a", "www.example.com", "http")


def test_the_check_requests_every_page(tmp_path: Path) -> None:
    found = run_check("E814", tmp_path, ask="/up /missing http://www.example.com/broken")
    assert [one.message.partition(":")[0] for one in found] == [
        "GET /missing answered 404",
        "GET /broken answered 500",
    ]


@pytest.mark.parametrize("page", ["/querying", "/without-table"])
def test_before_migrations_a_page_that_asked_the_database_may_fail(
    page: str, connect: Connect, tmp_path: Path
) -> None:
    connect(default=tmp_path / "db.sqlite3")
    request = HealthRequest(page, "www.example.com", "https")
    assert "answered 500" in request_problem(request)
    with pytest.raises(Undecided, match="migrations are pending"):
        request_problem(request, unmigrated=True)


@pytest.mark.parametrize("page", ["/broken", "/missing"])
def test_before_migrations_a_page_that_needs_no_database_must_be_good(page: str) -> None:
    request = HealthRequest(page, "www.example.com", "https")
    assert request_problem(request, unmigrated=True) != ""


def test_a_page_that_responds_is_fine() -> None:
    assert request_problem(parse_request("/up")) == ""


def test_a_page_that_fails_is_reported_with_its_place_and_without_its_text() -> None:
    problem = request_problem(parse_request("/broken"))
    assert problem.startswith("GET /broken answered 500: LookupError at ")
    assert "test_health.py:" in problem
    assert "hunter2" not in problem


def test_a_host_that_is_not_allowed_is_reported() -> None:
    assert "400" in request_problem(parse_request("https://other.example.net/redirecting"))


def test_a_missing_page_is_reported() -> None:
    assert "404" in request_problem(parse_request("/nowhere"))


def test_an_https_url_is_requested_as_a_proxy_would() -> None:
    assert request_problem(parse_request("https:///redirecting")) == ""
    assert "redirects to itself" in request_problem(parse_request("/redirecting"))


def test_a_page_that_hangs_does_not_block_the_check() -> None:
    assert "was not answered within" in request_problem(parse_request("/hanging"), timeout=0.05)


def test_pages_that_hang_are_found_before_the_check_is_stopped(tmp_path: Path) -> None:
    found = run_check("E814", tmp_path, ask="/hanging /hanging", limit=0.2)
    assert [one.message for one in found] == ["GET /hanging was not answered within 0.09 s"] * 2


def test_middleware_that_cannot_be_loaded_is_reported() -> None:
    with override_settings(MIDDLEWARE=["nowhere.Middleware"]):
        assert "ModuleNotFoundError" in request_problem(parse_request("/up"))


def test_the_default_host_is_an_allowed_one() -> None:
    with override_settings(ALLOWED_HOSTS=[".example.org"]):
        assert parse_request("https:///up?full=1") == HealthRequest(
            "/up?full=1", "www.example.org", "https"
        )
