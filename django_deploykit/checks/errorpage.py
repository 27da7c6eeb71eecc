"""The pages for 404 and 500, rendered as Django's own views do, but asking nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from django_deploykit.runtime.base.probe import usable_host


class _AskedError(Exception):
    """The page wants to know something of a database: it cannot be judged here."""


def why_page_fails(name: str, template: Any) -> str:
    """Return why ``404.html`` or ``500.html`` fails, "" where it does not or nobody can say.

    Django gives the former a request and its context processors, the latter nothing at all. A missing
    manifest of static files is for the bundle to tell, and a service that is away for the host.
    """
    request = _request() if name == "404.html" else None
    context = {"request_path": "/nothing", "exception": "Not found"} if request else {}
    try:
        with _no_database():
            template.render(context, request)
    except ValueError as error:
        return "" if "manifest" in str(error) else str(error)
    except Exception as error:  # noqa: BLE001 - whatever a template raises
        return "" if _unjudged(error, request) else f"{type(error).__name__}: {error}"
    return ""


def _request() -> Any:
    """Return a visitor's request for a page that is not there, as middleware leaves it."""
    from django.http import HttpRequest

    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", "/nothing", "/nothing"
    host = usable_host([str(one) for one in settings.ALLOWED_HOSTS]) or "localhost"
    request.META = {"HTTP_HOST": host, "SERVER_NAME": host, "SERVER_PORT": "443"}
    if "django.contrib.auth" in settings.INSTALLED_APPS:
        from django.contrib.auth.models import AnonymousUser

        request.user = AnonymousUser()
    return request


@contextmanager
def _no_database() -> Iterator[None]:
    from django.db.backends.base.base import BaseDatabaseWrapper

    def refuse(*_: Any, **__: Any) -> Any:
        raise _AskedError

    kept = {name: getattr(BaseDatabaseWrapper, name) for name in ("cursor", "chunked_cursor")}
    for name in kept:
        setattr(BaseDatabaseWrapper, name, refuse)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(BaseDatabaseWrapper, name, method)


def _unjudged(error: BaseException | None, request: Any) -> bool:
    """Whether it failed for want of a service, or of what another middleware adds to a request."""
    while error is not None:
        if isinstance(error, (_AskedError, OSError)):
            return True
        if any(
            word in type(error).__name__ for word in ("Connection", "Timeout", "DisallowedHost")
        ):
            return True
        if isinstance(error, AttributeError) and request is not None and error.obj is request:
            return True
        error = error.__cause__ or error.__context__
    return False
