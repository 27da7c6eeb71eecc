"""The site's configuration file for nginx (pure)."""

from __future__ import annotations

from typing import List

from .base import Website


def nginx(site: Website) -> List[str]:
    """Return the lines of the file."""
    upstream = f"unix:{site.listen}" if site.listen.startswith("/") else site.listen
    return [
        f"# {site.app}, written by `deploykit webserver nginx`: /etc/nginx/sites-available/{site.app}",
        f"# Then: ln -s ../sites-available/{site.app} /etc/nginx/sites-enabled/ && nginx -t && systemctl reload nginx",
        "# For HTTPS: certbot --nginx",
        f"upstream {site.app} {{",
        # It is the only address, so a failed request must not disable it for ten seconds.
        f"    server {upstream} max_fails=0;",
        "    keepalive 16;",
        # Before gunicorn closes it, after 2 s: a request that meets the close is not answered, and
        # only sent again if its method allows it.
        "    keepalive_timeout 1s;",
        "}",
        "",
        "server {",
        "    listen 80;",
        "    listen [::]:80;",
        f"    server_name {' '.join(site.names)};",
        "    client_max_body_size 20m;",
        "",
        *_static_files(site),
        "    location / {",
        f"        proxy_pass http://{site.app};",
        "        proxy_http_version 1.1;",
        '        proxy_set_header Connection "";',
        "        proxy_set_header Host $host;",
        "        proxy_set_header X-Forwarded-For $remote_addr;",
        "        proxy_set_header X-Forwarded-Proto $scheme;",
        "        proxy_redirect off;",
        "    }",
        "}",
    ]


def _static_files(site: Website) -> List[str]:
    """Return the lines that serve static files, none if the release serves them itself."""
    if not site.static_folder:
        return []
    return [
        f"    location {site.static_url} {{",
        f"        alias {site.static_folder}/;",
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
