"""The site's configuration file for Caddy (pure)."""

from __future__ import annotations

from typing import List

from .base import Website


def caddy(site: Website) -> List[str]:
    """Return the lines of the file."""
    upstream = f"unix/{site.listen}" if site.listen.startswith("/") else site.listen
    names = ["*" + name if name.startswith(".") else name for name in site.names]
    lines = [
        f"# {site.app}, written by `deploykit webserver caddy`: /etc/caddy/{site.app}.caddy",
        f"# Then: echo 'import {site.app}.caddy' >> /etc/caddy/Caddyfile && systemctl reload caddy",
        "# Caddy gets the certificates itself.",
        f"{', '.join(names)} {{",
    ]
    if site.static_folder:
        lines += [
            f"\thandle_path {site.static_url}* {{",
            f"\t\troot * {site.static_folder}",
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
        f"\t\treverse_proxy {upstream} {{",
        "\t\t\ttransport http {",
        "\t\t\t\tkeepalive 1s",  # gunicorn closes it after 2 s
        "\t\t\t}",
        "\t\t}",
        "\t}",
        "}",
    ]
