"""The site's configuration file for Caddy (pure)."""

from __future__ import annotations

from typing import List

from .base import HASHED, REMOVED_HEADERS, RETRY_AFTER, UNAVAILABLE_PAGE, Website, indented

_MIB = 1 << 20


def caddy(site: Website) -> List[str]:
    """Return the lines of the file."""
    names = ["*" + name if name.startswith(".") else name for name in site.names]
    return [
        f"# {site.app}, written by `deploykit webserver caddy`: /etc/caddy/{site.app}.caddy",
        f"# Then: echo 'import {site.app}.caddy' >> /etc/caddy/Caddyfile && systemctl reload caddy",
        *_advice(site),
        f"{', '.join(names)} {{",
        *indented([*_tls(site), *_static_files(site), *_media(site), *_proxy(site)], "\t"),
        "}",
    ]


def _advice(site: Website) -> List[str]:
    if site.options.certificate:
        return ["# When the certificate is renewed: systemctl restart caddy"]
    return ["# Caddy gets the certificates itself."]


def _tls(site: Website) -> List[str]:
    options = site.options
    return [f"tls {options.certificate} {options.key}"] if options.certificate else []


def _static_files(site: Website) -> List[str]:
    """Return the lines that serve static files, none if the release serves them itself."""
    if not site.static_folder:
        return []
    return [
        f"handle_path {site.static_url}* {{",
        f"\troot * {site.static_folder}",
        f"\t@hashed path_regexp {HASHED}",
        '\theader @hashed Cache-Control "public, max-age=31536000, immutable"',
        "\theader Access-Control-Allow-Origin *",
        "\tfile_server {",
        "\t\tprecompressed br gzip",
        "\t}",
        "}",
    ]


def _media(site: Website) -> List[str]:
    """Return the lines that serve uploads, none if the web server does not."""
    options = site.options
    if not options.media_folder:
        return []
    return [
        f"handle_path {options.media_url}* {{",
        f"\troot * {options.media_folder}",
        "\theader X-Content-Type-Options nosniff",
        "\tfile_server",
        "}",
    ]


def _proxy(site: Website) -> List[str]:
    upstream = f"unix/{site.listen}" if site.on_socket else site.listen
    limit, length = site.options.upload_limit * _MIB, "{http.request.header.Content-Length}"
    headers = {
        "X-Forwarded-Port": "{http.request.port}",
        "X-Real-IP": "{http.request.remote.host}",
    }
    return [
        f"@large expression `{length}.matches('^[0-9]+$') && int({length}) > {limit}`",
        "handle @large {",
        "\trespond 413",
        "}",
        "handle {",
        "\trequest_body {",
        f"\t\tmax_size {limit}",
        "\t}",
        # It replaces X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto by itself.
        f"\treverse_proxy {upstream} {{",
        *(f"\t\theader_up {name} {value}" for name, value in headers.items()),
        *(f"\t\theader_up -{name}" for name in REMOVED_HEADERS),
        "\t\ttransport http {",
        "\t\t\tkeepalive 1s",  # gunicorn closes it after 2 s
        f"\t\t\tresponse_header_timeout {site.options.time_limit}s",
        "\t\t}",
        "\t}",
        "}",
        "# Nothing answers.",
        "handle_errors {",
        "\t@unavailable expression `{http.error.status_code} in [502, 503, 504]`",
        "\thandle @unavailable {",
        f"\t\theader Retry-After {RETRY_AFTER}",
        "\t\theader Content-Type text/html",
        f"\t\trespond `{UNAVAILABLE_PAGE}` 503",
        "\t}",
        "}",
    ]
