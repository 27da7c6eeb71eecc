"""Sites for the web server in front, nginx or Caddy, as text to install (pure)."""

from __future__ import annotations

import re
from typing import List, Sequence

from ..base.errors import DeployKitError
from ..base.site import Site

_NAME = re.compile(r"(?:\*\.|\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")


def website(
    site: Site,
    server: str,
    static_url: str,
    static_root: str = "",
    names: Sequence[str] = (),
) -> str:
    """Return the site's file for ``nginx`` or ``caddy``.

    With a ``static_root`` (relative to a release) the web server reads static files itself, else
    WhiteNoise serves them from the release. ``names`` are those that the site is reached by.
    """
    names = [name for name in names if _NAME.match(name)] or ["example.com"]
    direct = static_root if static_url.startswith("/") and len(static_url) > 1 else ""
    if direct and not re.match(r"[A-Za-z0-9/._-]+\Z", static_url + static_root):
        raise DeployKitError(f"static files below {static_url} cannot be served directly")
    make = {"nginx": _nginx, "caddy": _caddy}[server]
    return "\n".join(make(site, names, static_url, direct)) + "\n"


def _nginx(site: Site, names: Sequence[str], static_url: str, static_root: str) -> List[str]:
    app = site.app
    upstream = f"unix:{site.listen}" if site.listen.startswith("/") else site.listen
    lines = [
        f"# {app}, written by `deploykit site nginx`: /etc/nginx/sites-available/{app}",
        f"# Then: ln -s ../sites-available/{app} /etc/nginx/sites-enabled/ && nginx -t && systemctl reload nginx",
        "# For HTTPS: certbot --nginx",
        f"upstream {app} {{",
        # One address, so a failed request must not take it out for ten seconds.
        f"    server {upstream} max_fails=0;",
        "    keepalive 16;",
        "}",
        "",
        "server {",
        "    listen 80;",
        "    listen [::]:80;",
        f"    server_name {' '.join(names)};",
        "    client_max_body_size 20m;",
        "",
    ]
    if static_root:
        lines += [
            f"    location {_slashed(static_url)} {{",
            f"        alias {site.current}/{static_root.strip('/')}/;",
            "        gzip_static on;",
            "        access_log off;",
            "        add_header Access-Control-Allow-Origin *;",
            "        # Names that carry a hash never change; the others may with the next release.",
            '        location ~ "\\.[0-9a-f]{12}\\.[^/]+$" {',
            "            expires max;",
            "            add_header Cache-Control public,immutable;",
            "            add_header Access-Control-Allow-Origin *;",
            "        }",
            "    }",
            "",
        ]
    return [
        *lines,
        "    location / {",
        f"        proxy_pass http://{app};",
        "        proxy_http_version 1.1;",
        '        proxy_set_header Connection "";',
        "        proxy_set_header Host $host;",
        "        proxy_set_header X-Forwarded-For $remote_addr;",
        "        proxy_set_header X-Forwarded-Proto $scheme;",
        "        proxy_redirect off;",
        "    }",
        "}",
    ]


def _caddy(site: Site, names: Sequence[str], static_url: str, static_root: str) -> List[str]:
    app = site.app
    upstream = f"unix/{site.listen}" if site.listen.startswith("/") else site.listen
    names = ["*" + name if name.startswith(".") else name for name in names]
    lines = [
        f"# {app}, written by `deploykit site caddy`: /etc/caddy/{app}.caddy",
        f"# Then: echo 'import {app}.caddy' >> /etc/caddy/Caddyfile && systemctl reload caddy",
        "# Caddy gets the certificates itself.",
        f"{', '.join(names)} {{",
    ]
    if static_root:
        lines += [
            f"\thandle_path {_slashed(static_url)}* {{",
            f"\t\troot * {site.current}/{static_root.strip('/')}",
            "\t\t@hashed path_regexp \\.[0-9a-f]{12}\\.[^/]+$",
            '\t\theader @hashed Cache-Control "public, max-age=31536000, immutable"',
            "\t\theader Access-Control-Allow-Origin *",
            "\t\tfile_server {",
            "\t\t\tprecompressed br gzip",
            "\t\t}",
            "\t}",
        ]
    return [
        *lines,
        "\thandle {",
        f"\t\treverse_proxy {upstream}",
        "\t}",
        "}",
    ]


def _slashed(url: str) -> str:
    return url if url.endswith("/") else url + "/"
