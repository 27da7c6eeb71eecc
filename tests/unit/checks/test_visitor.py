"""Asking the site in the checking process."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import override_settings
from django.urls import path

from django_deploykit.checks.visitor import Visit, ask, read_visit

release = threading.Event()


def well(_: HttpRequest) -> HttpResponse:
    """Answer as a healthy page does."""
    return HttpResponse("up")


def broken(_: HttpRequest) -> HttpResponse:
    """Fail with a text that is nobody's business."""
    raise LookupError("hunter2")


def turned(request: HttpRequest) -> HttpResponse:
    """Redirect to https for ever, unless the proxy says that it is spoken."""
    if request.headers.get("X-Forwarded-Proto") == "https":
        return HttpResponse("up")
    return HttpResponseRedirect(f"https://{request.get_host()}/turned")


def hanging(_: HttpRequest) -> HttpResponse:
    """Answer when the test is over."""
    release.wait(30)
    return HttpResponse("late")


urlpatterns = [
    path("up", well),
    path("broken", broken),
    path("turned", turned),
    path("hanging", hanging),
]


@pytest.fixture(autouse=True)
def site() -> Any:
    """Make this module the site's URLs."""
    release.clear()
    with override_settings(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["www.example.com"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DEBUG=False,
    ):
        yield
    release.set()


def test_nothing_is_wrong_with_a_page_that_answers() -> None:
    assert ask(read_visit("/up")) == ""


def test_a_failing_page_is_told_with_its_place_and_without_its_text() -> None:
    problem = ask(read_visit("/broken"))
    assert problem.startswith("GET /broken answered 500: LookupError at ")
    assert "test_visitor.py:" in problem
    assert "hunter2" not in problem


def test_a_foreign_host_is_told() -> None:
    assert "400" in ask(read_visit("https://other.example.net/turned"))


def test_a_page_that_is_not_there_is_told() -> None:
    assert "404" in ask(read_visit("/nowhere"))


def test_the_proxy_is_believed_where_the_url_says_https() -> None:
    assert ask(read_visit("https:///turned")) == ""
    assert "redirects to itself" in ask(read_visit("/turned"))


def test_a_page_that_hangs_does_not_hang_the_check() -> None:
    assert "was not answered within" in ask(read_visit("/hanging"), patience=0.05)


def test_middleware_that_cannot_be_loaded_is_told() -> None:
    with override_settings(MIDDLEWARE=["nowhere.Middleware"]):
        assert "ModuleNotFoundError" in ask(read_visit("/up"))


def test_a_host_left_out_is_one_that_is_allowed() -> None:
    with override_settings(ALLOWED_HOSTS=[".example.org"]):
        assert read_visit("https:///up?full=1") == Visit("/up?full=1", "www.example.org", "https")
