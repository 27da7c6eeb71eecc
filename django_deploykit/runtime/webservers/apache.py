"""The site's configuration file for Apache (pure)."""

from __future__ import annotations

from typing import List

from .base import HASHED, REMOVED_HEADERS, RETRY_AFTER, UNAVAILABLE_PAGE, Website, indented

MODULES = ("headers", "http2", "proxy_http", "rewrite", "ssl")
_MIB = 1 << 20


def apache(site: Website) -> List[str]:
    """Return the lines of the file."""
    place = f"/etc/apache2/sites-available/{site.app}.conf"
    body = [
        *_names(site),
        *_tls(site),
        "Protocols h2 http/1.1",
        "RewriteEngine On",
        *_upload_limit(site),
        "",
        *_static_files(site),
        *_media(site),
        *_proxy(site),
    ]
    port = 443 if site.options.certificate else 80
    return [
        f"# {site.app}, written by `deploykit webserver apache`: {place}",
        f"# Then: a2enmod {' '.join(MODULES)} && a2ensite {site.app} && apachectl configtest && systemctl restart apache2",
        *_advice(site),
        *(_redirect(site) if site.options.certificate else []),
        f"<VirtualHost *:{port}>",
        *indented(body, "    "),
        "</VirtualHost>",
    ]


def _advice(site: Website) -> List[str]:
    if site.options.certificate:
        return ["# When the certificate is renewed: systemctl reload apache2"]
    return ["# For HTTPS: certbot certonly --apache, then print this file with --certificate"]


def _names(site: Website) -> List[str]:
    """Return the lines with the names; a ServerName cannot have a wildcard."""
    names: List[str] = []
    for name in site.names:
        names += [name[1:], "*" + name] if name.startswith(".") else [name]
    first = next((name for name in names if not name.startswith("*")), site.app)
    others = [name for name in names if name != first]
    return [f"ServerName {first}", *([f"ServerAlias {' '.join(others)}"] if others else [])]


def _redirect(site: Website) -> List[str]:
    """Return the server that redirects to HTTPS; certbot answers its challenges there."""
    return [
        "<VirtualHost *:80>",
        *indented(_names(site), "    "),
        "    RewriteEngine On",
        '    RewriteCond "%{REQUEST_URI}" "!^/\\.well-known/acme-challenge/"',
        '    RewriteRule "^" "https://%{HTTP_HOST}%{REQUEST_URI}" [R=301,L,NE]',
        "</VirtualHost>",
        "",
    ]


def _tls(site: Website) -> List[str]:
    options = site.options
    if not options.certificate:
        return []
    return [
        "SSLEngine On",
        f"SSLCertificateFile {options.certificate}",
        f"SSLCertificateKeyFile {options.key}",
        "SSLProtocol -all +TLSv1.2 +TLSv1.3",
    ]


def _upload_limit(site: Website) -> List[str]:
    """Return the lines that refuse large bodies: LimitRequestBody does not affect a proxy."""
    return [
        f'RewriteCond "%{{HTTP:Content-Length}}" "-gt{site.options.upload_limit * _MIB}"',
        'RewriteRule "^" "-" [R=413,L]',
    ]


def _static_files(site: Website) -> List[str]:
    """Return the lines that serve static files, none if the release serves them itself."""
    if not site.static_folder:
        return []
    url, folder = site.static_url, site.static_folder
    return [
        'RewriteCond "%{HTTP:Accept-Encoding}" "\\bgzip\\b"',
        f'RewriteCond "{folder}/$1.gz" -f',
        f'RewriteRule "^{url}(.+)$" "{url}$1.gz" [PT]',
        f"Alias {url} {folder}/",
        f"<Directory {folder}>",
        "    Require all granted",
        "    Options FollowSymLinks",
        "    AllowOverride None",
        "    AddEncoding gzip .gz",
        "    RemoveType .gz",
        "    Header merge Vary Accept-Encoding",
        "    Header set Access-Control-Allow-Origin *",
        "    # Names that carry a hash never change; the others may with the next release.",
        f'    <FilesMatch "{HASHED}">',
        '        Header set Cache-Control "public, max-age=31536000, immutable"',
        "    </FilesMatch>",
        "</Directory>",
        f"ProxyPass {url} !",
        "",
    ]


def _media(site: Website) -> List[str]:
    """Return the lines that serve uploads, none if the web server does not."""
    options = site.options
    if not options.media_folder:
        return []
    return [
        f"Alias {options.media_url} {options.media_folder}/",
        f"<Directory {options.media_folder}>",
        "    Require all granted",
        "    Options None",
        "    AllowOverride None",
        "    SetHandler default-handler",
        "    Header set X-Content-Type-Options nosniff",
        "</Directory>",
        f"ProxyPass {options.media_url} !",
        "",
    ]


def _proxy(site: Website) -> List[str]:
    limit = site.options.time_limit
    upstream = (
        f"unix:{site.listen}|http://{site.app}/" if site.on_socket else f"http://{site.listen}/"
    )
    headers = {
        "X-Forwarded-For": "expr=%{REMOTE_ADDR}",
        "X-Forwarded-Host": "expr=%{HTTP_HOST}",
        "X-Forwarded-Port": "expr=%{SERVER_PORT}",
        "X-Forwarded-Proto": "expr=%{REQUEST_SCHEME}",
        "X-Real-IP": "expr=%{REMOTE_ADDR}",
    }
    # The site gets the path as the visitor sent it.
    return [
        "AllowEncodedSlashes NoDecode",
        "ProxyPreserveHost On",
        "ProxyAddHeaders Off",
        *(f'RequestHeader set {name} "{value}"' for name, value in headers.items()),
        *(f"RequestHeader unset {name}" for name in REMOVED_HEADERS),
        # retry=0: it is the only address, so a failed request must not disable it for a minute.
        # ttl=1: before gunicorn closes the connection, after 2 s.
        f'ProxyPass / "{upstream}" nocanon upgrade=websocket retry=0 ttl=1 timeout={limit}',
        "",
        "# Nothing answers.",
        *(f'ErrorDocument {status} "{UNAVAILABLE_PAGE}"' for status in (502, 503, 504)),
        f"Header always setifempty Retry-After {RETRY_AFTER} \"expr=%{{REQUEST_STATUS}} in {{'502', '503', '504'}}\"",
    ]
