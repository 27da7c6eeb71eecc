"""The site's configuration file for nginx (pure)."""

from __future__ import annotations

from typing import List

from .base import HASHED, REMOVED_HEADERS, RETRY_AFTER, UNAVAILABLE_PAGE, Website, indented

_OWN_HTTP2 = (1, 25, 1)  # before this version, `listen` had the word


def nginx(site: Website) -> List[str]:
    """Return the lines of the file."""
    place = f"/etc/nginx/sites-available/{site.app}"
    upstream = f"unix:{site.listen}" if site.on_socket else site.listen
    return [
        f"# {site.app}, written by `deploykit webserver nginx`: {place}",
        f"# Then: ln -s ../sites-available/{site.app} /etc/nginx/sites-enabled/ && nginx -t && systemctl reload nginx",
        *_advice(site),
        f"upstream {site.app} {{",
        # It is the only address, so a failed request must not disable it for ten seconds.
        f"    server {upstream} max_fails=0;",
        "    keepalive 16;",
        # Before gunicorn closes it, after 2 s: a request that meets the close is not answered, and
        # only sent again if its method allows it.
        "    keepalive_timeout 1s;",
        "}",
        "",
        "# WebSockets need the header Connection; other requests keep the connection to the site open.",
        f"map $http_upgrade {_variable(site)} {{",
        "    default upgrade;",
        "    '' '';",
        "}",
        "",
        *(_redirect(site) if site.options.certificate else []),
        "server {",
        *indented(_listening(site), "    "),
        f"    server_name {' '.join(site.names)};",
        f"    client_max_body_size {site.options.upload_limit}m;",
        "",
        *indented([*_static_files(site), *_media(site), *_proxy(site)], "    "),
        "}",
    ]


def _advice(site: Website) -> List[str]:
    if site.options.certificate:
        return ["# When the certificate is renewed: systemctl reload nginx"]
    return ["# For HTTPS: certbot certonly --nginx, then print this file with --certificate"]


def _variable(site: Website) -> str:
    return f"${site.app.replace('-', '_')}_connection"


def _redirect(site: Website) -> List[str]:
    """Return the server that redirects to HTTPS; certbot answers its challenges there."""
    return [
        "server {",
        "    listen 80;",
        "    listen [::]:80;",
        f"    server_name {' '.join(site.names)};",
        "    location / {",
        "        return 301 https://$host$request_uri;",
        "    }",
        "}",
        "",
    ]


def _listening(site: Website) -> List[str]:
    options = site.options
    if not options.certificate:
        return ["listen 80;", "listen [::]:80;"]
    own = tuple(options.version) >= _OWN_HTTP2
    word = "" if own else " http2"
    return [
        f"listen 443 ssl{word};",
        f"listen [::]:443 ssl{word};",
        *(["http2 on;"] if own else []),
        f"ssl_certificate {options.certificate};",
        f"ssl_certificate_key {options.key};",
        "ssl_protocols TLSv1.2 TLSv1.3;",
    ]


def _static_files(site: Website) -> List[str]:
    """Return the lines that serve static files, none if the release serves them itself."""
    if not site.static_folder:
        return []
    return [
        f"location {site.static_url} {{",
        f"    alias {site.static_folder}/;",
        "    gzip_static on;",
        "    access_log off;",
        "    add_header Access-Control-Allow-Origin *;",
        "    # Names that carry a hash never change; the others may with the next release.",
        f'    location ~ "{HASHED}" {{',
        "        expires max;",
        "        add_header Cache-Control public,immutable;",
        "        add_header Access-Control-Allow-Origin *;",
        "    }",
        "}",
        "",
    ]


def _media(site: Website) -> List[str]:
    """Return the lines that serve uploads, none if the web server does not."""
    options = site.options
    if not options.media_folder:
        return []
    return [
        f"location {options.media_url} {{",
        f"    alias {options.media_folder}/;",
        "    disable_symlinks on from=$document_root;",
        "    add_header X-Content-Type-Options nosniff;",
        "}",
        "",
    ]


def _proxy(site: Website) -> List[str]:
    limit = site.options.time_limit
    headers = {
        "Host": "$host",
        "Connection": _variable(site),
        "Upgrade": "$http_upgrade",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Host": "$host",
        "X-Forwarded-Port": "$server_port",
        "X-Forwarded-Proto": "$scheme",
        "X-Real-IP": "$remote_addr",
        **{name: '""' for name in REMOVED_HEADERS if "_" not in name},  # nginx drops the others
    }
    return [
        "location / {",
        f"    proxy_pass http://{site.app};",
        "    proxy_http_version 1.1;",
        *(f"    proxy_set_header {name} {value};" for name, value in headers.items()),
        f"    proxy_read_timeout {limit}s;",
        f"    proxy_send_timeout {limit}s;",
        "    proxy_redirect off;",
        f"    error_page 502 504 =503 @{site.app}_unavailable;",
        "}",
        "",
        "# Nothing answers.",
        f"location @{site.app}_unavailable {{",
        "    default_type text/html;",
        f"    add_header Retry-After {RETRY_AFTER} always;",
        f"    return 503 '{UNAVAILABLE_PAGE}';",
        "}",
    ]
