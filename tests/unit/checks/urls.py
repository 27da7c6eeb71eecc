"""The URLconf that E813 uses."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def up(request: HttpRequest) -> HttpResponse:
    """Respond."""
    return HttpResponse("up")


urlpatterns = [path("up", up)]
