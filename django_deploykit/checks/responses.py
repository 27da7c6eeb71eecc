"""Checks of what the site answers to requests, made in the checking process."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from django_deploykit import health
from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.site_requests import SiteResponse, ask_site, site_host, site_request
from django_deploykit.checks.subject import Subject

# No page has this path: middleware answers, and no view of the project runs.
_PATH = "/deploy-check-asks-for-nothing/"
_REDIRECTS = (301, 302, 303, 307, 308)
_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
# A header, the setting that asks for it, and the middleware that sets it.
_HEADERS = (
    ("Strict-Transport-Security", "SECURE_HSTS_SECONDS", "security.SecurityMiddleware"),
    ("X-Content-Type-Options", "SECURE_CONTENT_TYPE_NOSNIFF", "security.SecurityMiddleware"),
    ("X-Frame-Options", "X_FRAME_OPTIONS", "clickjacking.XFrameOptionsMiddleware"),
    ("Content-Security-Policy", "SECURE_CSP", "csp.ContentSecurityPolicyMiddleware"),
)


def _answer(subject: Subject) -> SiteResponse:
    """Return the site's answer to a request over HTTPS. It is asked once for all checks."""
    return subject.once("answer", lambda: ask_site(site_request(_PATH, site_host())))


def _behind_proxy(subject: Subject) -> bool:
    return subject.topology.tls == "proxy" and not subject.local


@check("E205")
def redirects_for_ever(subject: Subject) -> Iterator[Finding]:
    """The site redirects a request over HTTPS to itself.

    The proxy speaks HTTPS with visitors and HTTP with the site. Without the proxy's header the site
    takes every request for HTTP, and redirects it to HTTPS for ever.
    """
    if not _behind_proxy(subject):
        return
    answer = _answer(subject)
    if answer.status in _REDIRECTS and _is_same(answer.headers.get("Location", "")):
        yield Finding(
            "the site redirects requests over HTTPS to themselves, because it takes them for HTTP",
            'Write SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https"), '
            "if the proxy sets X-Forwarded-Proto.",
            "SECURE_SSL_REDIRECT",
        )


def _is_same(location: str) -> bool:
    return location in (_PATH, f"https://{site_host()}{_PATH}")


@check("E206")
def posts_are_refused(subject: Subject) -> Iterator[Finding]:
    """The site refuses forms that are sent to it over HTTPS.

    Browsers send `Origin: https://…`. If the site takes the request for HTTP, the origin is foreign,
    and every login gets a 403. gunicorn and uvicorn pass on what a proxy on the same machine says,
    so they are not affected.
    """
    web = subject.command("web")
    passes_on = not web or "gunicorn" in web or "uvicorn" in web
    if not _behind_proxy(subject) or passes_on or _CSRF not in settings.MIDDLEWARE:
        return
    if settings.CSRF_USE_SESSIONS:
        raise Undecided("CSRF_USE_SESSIONS keeps the token in the session: --server")
    if not _accepts_form(site_host()):
        yield Finding(
            "the site refuses forms that are sent over HTTPS (403), because it takes them for HTTP",
            'Write SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https"), '
            "if the proxy sets X-Forwarded-Proto.",
            "CSRF_TRUSTED_ORIGINS",
        )


def _accepts_form(host: str) -> bool:
    """Whether Django's CSRF middleware accepts a form that the site itself has sent."""
    token = "a" * 32
    headers = {
        "HTTP_ORIGIN": f"https://{host}",
        "HTTP_COOKIE": f"{settings.CSRF_COOKIE_NAME}={token}",
        settings.CSRF_HEADER_NAME: token,
    }
    request = site_request(_PATH, host, method="POST", headers=headers)

    def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    middleware = CsrfViewMiddleware(view)
    middleware.process_request(request)
    return middleware.process_view(request, view, (), {}) is None


@check("W213")
def missing_headers(subject: Subject) -> Iterator[Finding]:
    """Responses lack a security header that the settings ask for.

    The middleware that sets it comes too late, or something removes the header.
    """
    wanted = [row for row in _HEADERS if _asks_for(*row[1:])]
    if not wanted or not _behind_proxy(subject):
        return
    answer = _answer(subject)
    if answer.status in _REDIRECTS or answer.status == 400:
        return  # E205 or a check of ALLOWED_HOSTS reports it, or it is on purpose
    sent = {name.lower() for name in answer.headers}
    for header, setting, middleware in wanted:
        if header.lower() not in sent:
            yield Finding(
                f"responses have no {header}, although {setting} asks for it",
                f"Move {middleware.rpartition('.')[2]} further up in MIDDLEWARE.",
                "MIDDLEWARE",
            )


def _asks_for(setting: str, middleware: str) -> bool:
    installed = any(str(one).endswith(middleware) for one in settings.MIDDLEWARE)
    return installed and bool(getattr(settings, setting, None))


@check("E827")
def health_endpoint(subject: Subject) -> Iterator[Finding]:
    """The health endpoint is not the first middleware, or does not answer.

    Middleware before it may need a host name, TLS, a session or the database, and a probe then fails
    for a reason that has nothing to do with the process.
    """
    names = list(settings.MIDDLEWARE)
    if health.MIDDLEWARE not in names:
        return
    if names[0] != health.MIDDLEWARE:
        yield Finding(
            f"MIDDLEWARE has {names[0].rpartition('.')[2]} before HealthMiddleware",
            f'Write "{health.MIDDLEWARE}" first.',
            "MIDDLEWARE",
        )
    path = health.read_health().live
    status = ask_site(site_request(path, "203.0.113.7")).status
    if status != 200:
        yield Finding(
            f"GET {path} answered {status} to a probe that names no host of the site",
            f'Write "{health.MIDDLEWARE}" first in MIDDLEWARE.',
            "MIDDLEWARE",
        )
