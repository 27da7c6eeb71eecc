"""Requests that the site answers in this process, through its own middleware, without a server."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import got_request_exception

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.offline import iter_causes, needs_connection, no_connections
from django_deploykit.checks.project_settings import iter_options
from django_deploykit.conf import configs
from django_deploykit.conf.sources import Sources
from django_deploykit.runtime.base.probe import usable_host


@dataclass(frozen=True)
class SiteResponse:
    """What the site answered.

    ``raised`` is the type of the exception that led to it. ``depends_on`` says what it may depend on
    that is missing here, so that the answer may be another one on a host.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    raised: str = ""
    depends_on: str = ""


def site_host() -> str:
    """Return a Host header that the site accepts. Raise :class:`Undecided` if there is none."""
    names = [str(one) for one in settings.ALLOWED_HOSTS]
    if not any(names):
        raise Undecided("ALLOWED_HOSTS has no value here, so no request can be made")
    return usable_host(names)


def site_request(
    path: str, host: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> WSGIRequest:
    """Return a request over HTTPS as a server gets it from a proxy.

    The proxy sets X-Forwarded-Proto, and the header that SECURE_PROXY_SSL_HEADER names.
    """
    environ = wsgi_environ(path, host, "https")
    environ.update({"REQUEST_METHOD": method, **(headers or {})})
    trusted = settings.SECURE_PROXY_SSL_HEADER
    if isinstance(trusted, (tuple, list)) and len(trusted) == 2:
        environ[str(trusted[0])] = str(trusted[1])
    return WSGIRequest(environ)


def wsgi_environ(path: str, host: str, scheme: str) -> dict[str, object]:
    """Return the WSGI environment of a request from a proxy, which serves ``scheme``.

    ``path`` may have a query. Only for HTTPS, the proxy sets X-Forwarded-Proto.
    """
    page, _, query = path.partition("?")
    name, _, port = host.partition(":")
    environ: dict[str, object] = {
        "PATH_INFO": page,
        "QUERY_STRING": query,
        "SERVER_NAME": name,
        "SERVER_PORT": port or "80",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": "django-deploykit",
        "wsgi.errors": sys.stderr,
    }
    if scheme == "https":
        environ["HTTP_X_FORWARDED_PROTO"] = "https"
    setup_testing_defaults(environ)
    return environ


def ask_site(request: WSGIRequest) -> SiteResponse:
    """Return the site's response to a request.

    The handler's signals are not sent: no connection is closed, and settings that refuse to serve
    because they were loaded for building can be asked, too. :class:`Undecided` is raised if the
    middleware needs a service.
    """
    errors: list[BaseException | None] = []

    def note(**_: object) -> None:
        errors.append(sys.exc_info()[1])

    got_request_exception.connect(note)
    try:
        with _no_logs(), warnings.catch_warnings(), no_connections() as refused:
            warnings.simplefilter("ignore")  # WhiteNoise warns that a static folder is missing
            response = WSGIHandler().get_response(request)
    except Exception as error:  # the 500 page fails, too
        errors.append(error)
        if any(map(needs_connection, errors)):
            raise Undecided("the site's answer needs a service: --server") from error
        if missing := _missing_here(errors):
            raise Undecided(f"the site's answer depends on {missing}") from error
        raise
    finally:
        got_request_exception.disconnect(note)
    if response.status_code >= 500 and any(needs_connection(one) for one in errors):
        raise Undecided("the site's answer needs a service: --server")
    raised = type(errors[-1]).__name__ if errors else ""
    missing = "a service: --server" if refused else _missing_here(errors)
    return SiteResponse(response.status_code, dict(response.items()), raised, missing)


def _missing_here(errors: Sequence[BaseException | None]) -> str:
    """Return what may be missing here and not on a host, judging by the exceptions of a request."""
    for one in (cause for error in errors for cause in iter_causes(error)):
        if isinstance(one, ValueError) and "manifest" in str(one):
            return "the collected static files"
        if isinstance(one, OSError):
            return "a file that a build makes"
    if errors and _has_placeholders():
        return "settings that have no value here"
    return ""


def _has_placeholders() -> bool:
    """Whether a required setting has no value here, so that a placeholder is used."""
    return any(
        one.required and value is None for one, value in iter_options(configs(), Sources.find)
    )


@contextmanager
def _no_logs() -> Iterator[None]:
    """Keep errors of the request out of the logs, and out of mail to ADMINS."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
