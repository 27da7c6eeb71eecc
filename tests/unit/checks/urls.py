"""The URLconf that E813 uses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def up(request: HttpRequest) -> HttpResponse:
    """Respond."""
    return HttpResponse("up")


def query(request: HttpRequest) -> HttpResponse:
    """Ask the database."""
    connection.cursor()
    return HttpResponse()


def hashed(request: HttpRequest) -> HttpResponse:
    """Fail as a static file does that is not collected."""
    raise ValueError("Missing staticfiles manifest entry for 'a.css'")


def broken(request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise LookupError("hunter2")


class FallbackMiddleware:
    """Looks in the database for what the URLs have not, as that of flatpages does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Respond as the URLs do, if the database does not answer."""
        response = self.get_response(request)
        with suppress(Exception):
            connection.cursor()
        return response


class QueryingMiddleware(FallbackMiddleware):
    """Asks the database before it lets the URLs respond, as many sites do for users or tenants."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Fail if the database does not answer."""
        connection.cursor()
        return self.get_response(request)


urlpatterns = [path("up", up), path("query", query), path("hashed", hashed), path("broken", broken)]
