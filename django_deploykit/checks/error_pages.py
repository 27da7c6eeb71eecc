"""The 404 and 500 pages, rendered as by Django's own views but without any services."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from django.http import HttpRequest

from django_deploykit.checks.offline import iter_causes, no_connections
from django_deploykit.runtime.base.probe import usable_host

_UNAVAILABLE = ("Connection", "Timeout", "DisallowedHost")


class Template(Protocol):
    """What an engine's ``get_template`` returns."""

    def render(self, context: dict[str, str], request: HttpRequest | None) -> object:
        """Return the page."""


def why_page_fails(name: str, template: Template) -> str:
    """Return why ``404.html`` or ``500.html`` fails.

    Return an empty string if it works or cannot be checked here. Django renders ``404.html`` with
    a request and context processors, and ``500.html`` without them. A missing manifest of static
    files is not reported, because it depends on the bundle. Nor is an unreachable service, because
    it depends on the host.
    """
    request = _request() if name == "404.html" else None
    context = {"request_path": "/nothing", "exception": "Not found"} if request else {}
    try:
        with no_connections():
            template.render(context, request)
    except ValueError as error:
        return "" if "manifest" in str(error) else str(error)
    except Exception as error:  # noqa: BLE001 - a template may raise anything
        return "" if _lacks_service(error, request) else f"{type(error).__name__}: {error}"
    return ""


def _request() -> HttpRequest:
    """Return a request for a missing page, as middleware would leave it."""
    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", "/nothing", "/nothing"
    host = usable_host([str(one) for one in settings.ALLOWED_HOSTS]) or "localhost"
    request.META = {"HTTP_HOST": host, "SERVER_NAME": host, "SERVER_PORT": "443"}
    if "django.contrib.auth" in settings.INSTALLED_APPS:
        from django.contrib.auth.models import AnonymousUser

        request.user = AnonymousUser()
    return request


def _lacks_service(error: BaseException | None, request: HttpRequest | None) -> bool:
    """Whether the cause is a missing service, or an attribute that other middleware adds."""
    for one in iter_causes(error):
        if isinstance(one, OSError) or any(word in type(one).__name__ for word in _UNAVAILABLE):
            return True
        if isinstance(one, AttributeError) and request is not None and one.obj is request:
            return True
    return False
