"""The addresses that E813 resolves."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def up(request: HttpRequest) -> HttpResponse:
    """Answer."""
    return HttpResponse("up")


urlpatterns = [path("up", up)]
