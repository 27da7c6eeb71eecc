"""Checks of hosts, proxies and TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.http import is_same_domain

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject
from django_deploykit.conf.readers import host_problem

_LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1", "testserver", ".localhost", "0.0.0.0"}  # noqa: S104 - compared, not bound
_YEAR = 31536000


@check("W201")
def any_host(subject: Subject) -> Iterator[Found]:
    """ALLOWED_HOSTS accepts every Host header.

    Links in password reset mails and cached pages then go where an attacker wants.
    """
    if "*" in settings.ALLOWED_HOSTS:
        yield Found(
            "ALLOWED_HOSTS has '*', which accepts every Host header",
            'Name the site\'s hosts: config.hosts("ALLOWED_HOSTS").',
            "ALLOWED_HOSTS",
        )


@check("E202")
def host_never_matches(subject: Subject) -> Iterator[Found]:
    """ALLOWED_HOSTS has an entry that no Host header matches.

    Scheme, port, path, quotes and spaces are not taken off: every request gets a 400.
    """
    for host in settings.ALLOWED_HOSTS:
        problem = host_problem(str(host), debug=True)
        if problem:
            yield Found(f"ALLOWED_HOSTS: {problem}", "", "ALLOWED_HOSTS")


@check("W203")
def only_example_hosts(subject: Subject) -> Iterator[Found]:
    """ALLOWED_HOSTS names only this machine or an example.

    The site answers 400 to everybody who comes by its real name.
    """
    hosts = {str(host).lower() for host in settings.ALLOWED_HOSTS}
    examples = {host for host in hosts if re.search(r"(^|\.)example\.(com|org|net)$", host)}
    real = hosts - _LOCAL - examples
    if subject.server and not subject.local and hosts and not real:
        yield Found(
            f"ALLOWED_HOSTS has only {', '.join(sorted(hosts))}: this machine and examples",
            "Add the name that visitors come by; the example domains are nobody's to use.",
            "ALLOWED_HOSTS",
        )


@check("E204")
def csrf_origin_never_matches(subject: Subject) -> Iterator[Found]:
    """CSRF_TRUSTED_ORIGINS has an entry that no Origin header matches.

    An Origin is scheme and host (and a port): with a path, even a slash, it never matches, and
    every login answers 403.
    """
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        parts = urlsplit(str(origin))
        if not parts.scheme or not parts.netloc:
            yield Found(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} has no scheme",
                f"Write https://{str(origin).strip('/')}.",
                "CSRF_TRUSTED_ORIGINS",
            )
        elif parts.path or parts.query or parts.fragment:
            yield Found(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} has a path, and an Origin header has none",
                f"Write {parts.scheme}://{parts.netloc}.",
                "CSRF_TRUSTED_ORIGINS",
            )
        elif parts.scheme == "http" and settings.CSRF_COOKIE_SECURE:
            yield Found(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} is plain HTTP, where the CSRF cookie is not sent",
                f"Write https://{parts.netloc}.",
                "CSRF_TRUSTED_ORIGINS",
            )


@check("W207")
def header_without_proxy(subject: Subject) -> Iterator[Found]:
    """A proxy's header is trusted though deploykit.ini says that there is no proxy.

    Every client can then say that it came by HTTPS.
    """
    if settings.SECURE_PROXY_SSL_HEADER and subject.topology.tls != "proxy" and not subject.local:
        yield Found(
            f"SECURE_PROXY_SSL_HEADER is set, but [check] tls = {subject.topology.tls}",
            "Remove it, or say tls = proxy in deploykit.ini.",
            "SECURE_PROXY_SSL_HEADER",
        )


@check("E208")
def malformed_proxy_header(subject: Subject) -> Iterator[Found]:
    """SECURE_PROXY_SSL_HEADER names a header as no request has it.

    Django looks the name up in request.META: HTTP_, upper case, underscores.
    """
    header = settings.SECURE_PROXY_SSL_HEADER
    if header is None:
        return
    if not isinstance(header, (tuple, list)) or len(header) != 2:
        yield Found(
            "SECURE_PROXY_SSL_HEADER is no pair of a name and a value",
            'Write ("HTTP_X_FORWARDED_PROTO", "https").',
            "SECURE_PROXY_SSL_HEADER",
        )
    elif not re.fullmatch(r"HTTP_[A-Z0-9_]+", str(header[0])):
        name = re.sub(r"[^A-Z0-9]", "_", str(header[0]).upper()).removeprefix("HTTP_")
        yield Found(
            f"SECURE_PROXY_SSL_HEADER: {header[0]!r} is in no request",
            f'Write ("HTTP_{name}", "https").',
            "SECURE_PROXY_SSL_HEADER",
        )


@check("E209")
def exempt_never_matches(subject: Subject) -> Iterator[Found]:
    """SECURE_REDIRECT_EXEMPT has a pattern that matches no path.

    The path is compared without its leading slash, so probes are redirected all the same.
    """
    for pattern in settings.SECURE_REDIRECT_EXEMPT:
        if str(pattern).startswith(("^/", "/")):
            yield Found(
                f"SECURE_REDIRECT_EXEMPT: {pattern!r} begins with a slash, and never matches",
                f"Write {str(pattern).replace('/', '', 1)!r}.",
                "SECURE_REDIRECT_EXEMPT",
            )


@check("W210")
def gunicorn_behind_remote_proxy(subject: Subject) -> Iterator[Found]:
    """gunicorn listens to the network, but trusts a proxy on this machine alone.

    It drops X-Forwarded-Proto of others, so Django takes HTTPS for HTTP: redirects loop, logins
    fail with 403.
    """
    web = subject.command("web")
    bound = re.search(r"(?:-b|--bind)[= ]+(\S+)", web)
    far = bound is not None and not bound[1].startswith(
        ("unix:", "127.", "localhost", "[::1]", "0.0.0.0:$PORT", "0.0.0.0:${PORT")
    )
    told = "forwarded-allow-ips" in web or settings.SECURE_PROXY_SSL_HEADER
    if "gunicorn" in web and far and not told and subject.topology.tls == "proxy":
        yield Found(
            "gunicorn listens to the network, but trusts X-Forwarded-Proto from this machine alone",
            "Set SECURE_PROXY_SSL_HEADER, or --forwarded-allow-ips to the proxy's address.",
            path="Procfile",
        )


@check("W211")
def preload_is_rejected(subject: Subject) -> Iterator[Found]:
    """SECURE_HSTS_PRELOAD is on, but browsers' lists refuse the site.

    They want a year and all subdomains (hstspreload.org).
    """
    if not settings.SECURE_HSTS_PRELOAD:
        return
    if settings.SECURE_HSTS_SECONDS < _YEAR or not settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        yield Found(
            "SECURE_HSTS_PRELOAD needs SECURE_HSTS_SECONDS of a year and SECURE_HSTS_INCLUDE_SUBDOMAINS",
            "Remove the preload, or set SECURE_HSTS_SECONDS = 31536000 and include subdomains.",
            "SECURE_HSTS_PRELOAD",
        )


@check("W215")
def forwarded_host_without_proxy(subject: Subject) -> Iterator[Found]:
    """X-Forwarded-Host is believed though deploykit.ini says that there is no proxy.

    Then every client chooses the host name that links are made with.
    """
    if settings.USE_X_FORWARDED_HOST and subject.topology.tls != "proxy" and not subject.local:
        yield Found(
            f"USE_X_FORWARDED_HOST is on, but [check] tls = {subject.topology.tls}",
            "Remove it.",
            "USE_X_FORWARDED_HOST",
        )


@check("E302")
def foreign_cookie_domain(subject: Subject) -> Iterator[Found]:
    """A cookie's domain covers none of ALLOWED_HOSTS.

    Browsers refuse such cookies: nobody can log in.
    """
    hosts = [str(host).lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    hosts = [host for host in hosts if host not in _LOCAL]
    for name in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN", "LANGUAGE_COOKIE_DOMAIN"):
        domain = getattr(settings, name)
        if (
            domain
            and hosts
            and not any(is_same_domain(host, "." + domain.lstrip(".")) for host in hosts)
        ):
            yield Found(
                f"{name} is {domain!r}, which covers none of ALLOWED_HOSTS",
                "Remove it: without it a cookie belongs to the host that set it.",
                name,
            )
