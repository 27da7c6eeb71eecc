"""Checks of host names, proxies and TLS."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.http.request import validate_host
from django.utils.http import is_same_domain

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.subject import Subject, git_output
from django_deploykit.conf import configs
from django_deploykit.conf.readers import host_problem
from django_deploykit.conf.urls import standard_parts
from django_deploykit.runtime.base.variables import environment_file, ini_files

_LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1", "testserver", ".localhost", "0.0.0.0"}  # noqa: S104 - compared, not bound
_LOCAL_BINDS = ("unix:", "127.", "localhost", "[::1]", "0.0.0.0:$PORT", "0.0.0.0:${PORT")
_YEAR = 31536000


@check("W201")
def every_host_allowed(subject: Subject) -> Iterator[Finding]:
    """ALLOWED_HOSTS accepts every Host header.

    An attacker can then choose where links in password reset emails and cached pages lead.
    """
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding(
            "ALLOWED_HOSTS contains '*', which accepts every Host header",
            'List the host names of the site: config.hosts("ALLOWED_HOSTS").',
            "ALLOWED_HOSTS",
        )


@check("E202")
def host_never_matches(subject: Subject) -> Iterator[Finding]:
    """ALLOWED_HOSTS contains an entry that no Host header matches.

    Django does not remove scheme, port, path, quotes or spaces, so every request gets a 400.
    """
    for number, host in enumerate(settings.ALLOWED_HOSTS, 1):
        problem = host_problem(str(host), debug=True)
        if problem:
            yield Finding(f"ALLOWED_HOSTS: name {number} {problem}", "", "ALLOWED_HOSTS")


@check("W203")
def only_example_hosts(subject: Subject) -> Iterator[Finding]:
    """ALLOWED_HOSTS contains only names of this machine or examples.

    Visitors who use the real name of the site get a 400.
    """
    hosts = {str(host).lower() for host in settings.ALLOWED_HOSTS}
    examples = {host for host in hosts if re.search(r"(^|\.)example\.(com|org|net)$", host)}
    real = hosts - _LOCAL - examples
    if subject.server and not subject.local and hosts and not real:
        path = _configuration_path(subject) if subject.released else ""
        yield Finding(
            f"ALLOWED_HOSTS contains only local names and examples: {', '.join(sorted(hosts))}",
            f"Add the host name that visitors use{f' to {path}' if path else ''}; "
            "example domains are reserved.",
            "ALLOWED_HOSTS",
            path=path,
        )


def _configuration_path(subject: Subject) -> str:
    """Return the file on a host that sets ALLOWED_HOSTS: variables, if no Config reads an INI."""
    apps = [config.app for config in configs() if config.app]
    if apps:
        return str(ini_files(Path("/etc", apps[0]), apps[0])[0])
    app = subject.project.name
    return str(environment_file(Path("/etc", app), app))


@check("E204")
def csrf_origin_never_matches(subject: Subject) -> Iterator[Finding]:
    """CSRF_TRUSTED_ORIGINS contains an entry that no Origin header matches.

    An Origin is a scheme, a host and possibly a port. An entry with a path, even a slash, never
    matches, and every login gets a 403.
    """
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        parts = standard_parts(str(origin))
        if parts is None:
            yield Finding(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} has a host or a port that cannot be read",
                "Write a scheme, a host and possibly a port, such as https://www.example.com.",
                "CSRF_TRUSTED_ORIGINS",
            )
        elif not parts.scheme or not parts.netloc:
            yield Finding(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} has no scheme",
                f"Write https://{str(origin).strip('/')}.",
                "CSRF_TRUSTED_ORIGINS",
            )
        elif parts.path or parts.query or parts.fragment:
            yield Finding(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} has a path, but an Origin header has none",
                f"Write {parts.scheme}://{parts.netloc}.",
                "CSRF_TRUSTED_ORIGINS",
            )
        elif parts.scheme == "http" and settings.CSRF_COOKIE_SECURE:
            yield Finding(
                f"CSRF_TRUSTED_ORIGINS: {origin!r} is plain HTTP, "
                "over which browsers do not send the CSRF cookie",
                f"Write https://{parts.netloc}.",
                "CSRF_TRUSTED_ORIGINS",
            )


@check("W207")
def header_without_proxy(subject: Subject) -> Iterator[Finding]:
    """A proxy's header is trusted, but deploykit.ini says that there is no proxy.

    Any client can then claim that it uses HTTPS.
    """
    if settings.SECURE_PROXY_SSL_HEADER and subject.topology.tls != "proxy" and not subject.local:
        yield Finding(
            f"SECURE_PROXY_SSL_HEADER is set, but [check] tls = {subject.topology.tls}",
            "Remove it, or write tls = proxy in deploykit.ini.",
            "SECURE_PROXY_SSL_HEADER",
        )


@check("E208")
def malformed_proxy_header(subject: Subject) -> Iterator[Finding]:
    """SECURE_PROXY_SSL_HEADER has a header name that no request has.

    Django looks the name up in request.META, where it starts with HTTP_ and is upper case with
    underscores.
    """
    header = settings.SECURE_PROXY_SSL_HEADER
    if header is None:
        return
    if not isinstance(header, (tuple, list)) or len(header) != 2:
        yield Finding(
            "SECURE_PROXY_SSL_HEADER is not a pair of a name and a value",
            'Write ("HTTP_X_FORWARDED_PROTO", "https").',
            "SECURE_PROXY_SSL_HEADER",
        )
    elif not re.fullmatch(r"HTTP_[A-Z0-9_]+", str(header[0])):
        name = re.sub(r"[^A-Z0-9]", "_", str(header[0]).upper()).removeprefix("HTTP_")
        yield Finding(
            f"SECURE_PROXY_SSL_HEADER: no request has {header[0]!r} in its META",
            f'Write ("HTTP_{name}", "https").',
            "SECURE_PROXY_SSL_HEADER",
        )


@check("E209")
def exempt_never_matches(subject: Subject) -> Iterator[Finding]:
    """SECURE_REDIRECT_EXEMPT contains a pattern that matches no path.

    Django matches the path without its leading slash, so probes are still redirected.
    """
    for pattern in settings.SECURE_REDIRECT_EXEMPT:
        if str(pattern).startswith(("^/", "/")):
            yield Finding(
                f"SECURE_REDIRECT_EXEMPT: {pattern!r} starts with a slash, so it never matches",
                f"Write {str(pattern).replace('/', '', 1)!r}.",
                "SECURE_REDIRECT_EXEMPT",
            )


@check("W210")
def untrusted_remote_proxy(subject: Subject) -> Iterator[Finding]:
    """gunicorn listens on the network, but trusts only a proxy on this machine.

    It drops X-Forwarded-Proto from other machines, so Django takes HTTPS for HTTP: redirects loop
    and logins get a 403.
    """
    web = subject.command("web")
    bind = re.search(r"(?:-b|--bind)[= ]+(\S+)", web)
    on_network = bind is not None and not bind[1].startswith(_LOCAL_BINDS)
    trusted = "forwarded-allow-ips" in web or settings.SECURE_PROXY_SSL_HEADER
    if "gunicorn" in web and on_network and not trusted and subject.topology.tls == "proxy":
        yield Finding(
            "gunicorn listens on the network, but trusts X-Forwarded-Proto only from this machine",
            "Set SECURE_PROXY_SSL_HEADER, or --forwarded-allow-ips to the address of the proxy.",
            path="Procfile",
        )


@check("W211")
def preload_is_rejected(subject: Subject) -> Iterator[Finding]:
    """SECURE_HSTS_PRELOAD is on, but preload lists would reject the site.

    They require a year and all subdomains (hstspreload.org).
    """
    if not settings.SECURE_HSTS_PRELOAD:
        return
    if settings.SECURE_HSTS_SECONDS < _YEAR or not settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        yield Finding(
            "SECURE_HSTS_PRELOAD requires SECURE_HSTS_SECONDS of at least a year "
            "and SECURE_HSTS_INCLUDE_SUBDOMAINS",
            "Remove SECURE_HSTS_PRELOAD, or set SECURE_HSTS_SECONDS = 31536000 "
            "and SECURE_HSTS_INCLUDE_SUBDOMAINS = True.",
            "SECURE_HSTS_PRELOAD",
        )


@check("W212")
def long_hsts_at_once(subject: Subject) -> Iterator[Finding]:
    """Strict-Transport-Security starts with a year at once.

    Browsers then refuse HTTP for that long, for every subdomain too, whatever the site does later.
    """
    if settings.SECURE_HSTS_SECONDS < _YEAR or not subject.in_tree:
        return
    path, _ = subject.place("SECURE_HSTS_SECONDS")
    if path and subject.tracked is not None and path in subject.tracked:
        recent = changed_lately(subject.root, path, "SECURE_HSTS_SECONDS")
        if recent:
            yield Finding(
                f"SECURE_HSTS_SECONDS is {settings.SECURE_HSTS_SECONDS} "
                "in the first commits that have it",
                "Begin with 3600, and raise it step by step while everything works over HTTPS.",
                "SECURE_HSTS_SECONDS",
            )


def changed_lately(root: Path, path: str, word: str) -> bool:
    """Whether git's history has had a word in a file for less than a month, and in one commit only.

    Raise :class:`Undecided` if the history is not here, as in CI.
    """
    if (git_output(root, "rev-parse", "--is-shallow-repository") or "").strip() != "false":
        raise Undecided("the history of the repository is not here")
    times = (git_output(root, "log", "--format=%ct", f"-G{word}", "--", path) or "").split()
    month = datetime.timedelta(days=30).total_seconds()
    now = datetime.datetime.now(tz=datetime.timezone.utc).timestamp()
    return len(times) <= 1 and all(now - int(one) < month for one in times)


@check("E216")
def www_is_no_host(subject: Subject) -> Iterator[Finding]:
    """PREPEND_WWW redirects to a host that ALLOWED_HOSTS does not have.

    Visitors are redirected to www., and get a 400 there.
    """
    if not settings.PREPEND_WWW:
        return
    hosts = [str(host).lower() for host in settings.ALLOWED_HOSTS]
    bare = [host for host in hosts if host not in _LOCAL and not host.startswith((".", "www."))]
    for host in bare:
        if host != "*" and not validate_host(f"www.{host}", hosts):
            yield Finding(
                f"PREPEND_WWW redirects to www.{host}, which ALLOWED_HOSTS does not have",
                f"Add www.{host} to ALLOWED_HOSTS.",
                "PREPEND_WWW",
            )


@check("W215")
def forwarded_host_without_proxy(subject: Subject) -> Iterator[Finding]:
    """X-Forwarded-Host is trusted, but deploykit.ini says that there is no proxy.

    Any client can then choose the host name in generated links.
    """
    if settings.USE_X_FORWARDED_HOST and subject.topology.tls != "proxy" and not subject.local:
        yield Finding(
            f"USE_X_FORWARDED_HOST is on, but [check] tls = {subject.topology.tls}",
            "Remove it, or write tls = proxy in deploykit.ini.",
            "USE_X_FORWARDED_HOST",
        )


@check("E302")
def cookie_domain_without_host(subject: Subject) -> Iterator[Finding]:
    """The domain of a cookie covers none of ALLOWED_HOSTS.

    Browsers reject such cookies, so logins fail.
    """
    hosts = [str(host).lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    hosts = [host for host in hosts if host not in _LOCAL]
    for name in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN", "LANGUAGE_COOKIE_DOMAIN"):
        domain = getattr(settings, name)
        if not domain or not hosts:
            continue
        if not any(is_same_domain(host, "." + domain.lstrip(".")) for host in hosts):
            yield Finding(
                f"{name} is {domain!r}, which covers none of ALLOWED_HOSTS",
                "Remove it: a cookie without a domain belongs to the host that sets it.",
                name,
            )
