"""Web servers in front of a host's site: nginx and Caddy with the files that `webserver` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.lab.hosts import Host

NAME = "shop.example.com"


@contextmanager
def nginx(host: Host, text: str) -> Iterator[None]:
    """Let nginx run with the site's file while the block runs."""
    host.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop "
        "-keyout /etc/lab.key -out /etc/lab.pem 2>/dev/null"
    )
    listens = "    listen 80;\n    listen [::]:80;\n"
    assert listens in text
    # What certbot does to it, on the one address that is this host's.
    tls = f"    listen {host.address}:443 ssl;\n    ssl_certificate /etc/lab.pem;\n    ssl_certificate_key /etc/lab.key;\n"
    host.run(
        "cat > /etc/nginx/sites-available/shop; rm -f /etc/nginx/sites-enabled/default",
        data=text.replace(listens, tls),
    )
    host.run(
        "ln -sf ../sites-available/shop /etc/nginx/sites-enabled/ && nginx -t && : > /var/log/nginx/access.log"
    )
    host.run("systemctl unmask -q nginx && systemctl restart nginx")
    try:
        yield
    finally:
        host.run("systemctl stop nginx")


@contextmanager
def caddy(host: Host, text: str) -> Iterator[None]:
    """Let Caddy run with the site's file while the block runs."""
    first = f"{NAME} {{\n"
    assert first in text
    alone = f"{first}\tbind {host.address}\n\ttls internal\n"
    host.run("cat > /etc/caddy/shop.caddy", data=text.replace(first, alone))
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    host.run("cat > /etc/caddy/Caddyfile", data=f"{options}import shop.caddy\n")
    host.run("systemctl unmask -q caddy && systemctl restart caddy")
    try:
        yield
    finally:
        host.run("systemctl stop caddy")


FRONTS: dict[str, Callable[[Host, str], AbstractContextManager[None]]] = {
    "nginx": nginx,
    "caddy": caddy,
}


def browse(host: Host, path: str, *words: str) -> tuple[str, str]:
    """Ask the web server in front as a browser does; returns head and body."""
    return curl(
        host, f"--insecure --resolve {NAME}:443:{host.address} https://{NAME}{path}", *words
    )


def curl(host: Host, line: str, *words: str) -> tuple[str, str]:
    """Ask with curl on a host; returns head, in small letters, and body."""
    done = host.run(f"curl -s --compressed -i {' '.join(words)} {line}")
    head, _, body = done.replace("\r\n", "\n").partition("\n\n")
    return head.lower(), body
