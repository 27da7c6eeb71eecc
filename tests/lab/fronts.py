"""Web servers in front of a host's site, with the files that `webserver` prints, over TLS.

nginx and Apache have a certificate of an authority of the test's, Caddy makes one by itself.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.hosts import Host

NAME = "shop.example.com"
_OWN = "/etc/lab/ca.pem"
MAKE_CERTIFICATES = f"""\
set -e; mkdir -p /etc/lab; cd /etc/lab; test ! -f fullchain.pem || exit 0
new='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
$new -subj /CN=Lab -keyout ca.key -out ca.pem
$new -CA ca.pem -CAkey ca.key -subj /CN={NAME} -addext subjectAltName=DNS:{NAME} \
  -addext basicConstraints=critical,CA:FALSE -keyout privkey.pem -out fullchain.pem
"""
_CADDY_OPTIONS = """\
{
	admin unix//var/lib/caddy/admin.sock
	skip_install_trust
	auto_https disable_redirects
}
"""


@dataclass(frozen=True)
class Front:
    """A web server: ``words`` are arguments of `webserver`, ``authority`` signs its certificate.

    ``write`` saves the site's file so that the web server only listens on the host's address.
    """

    service: str
    words: str
    authority: str
    write: Callable[[Host, str], None]

    @contextmanager
    def runs(self, host: Host, text: str) -> Iterator[None]:
        """Let the web server run with the site's file while the block runs."""
        self.write(host, text)
        host.run(f"systemctl unmask -q {self.service} && systemctl restart {self.service}")
        try:
            yield
        finally:
            host.run(f"systemctl stop {self.service}")

    def text(self, host: Host, bundle: str, words: str = "") -> str:
        """Return what `webserver` prints."""
        host.run(MAKE_CERTIFICATES)
        name = next(name for name, one in FRONTS.items() if one is self)
        return host.run(f"{bundle} deploykit webserver {name} --name {NAME} {self.words} {words}")

    def context(self, host: Host) -> ssl.SSLContext:
        """Return what trusts the web server's certificate."""
        return ssl.create_default_context(cadata=host.run(f"cat {self.authority}"))


def _nginx(host: Host, text: str) -> None:
    # Other hosts share the network, so it only listens on one address.
    text = re.sub(r"(?m)^ *listen \[::\]:\d+.*\n", "", text)
    text = re.sub(r"(?m)^( *listen )(\d+)", rf"\g<1>{host.address}:\2", text)
    host.run("cat > /etc/nginx/sites-available/shop", data=text)
    host.run("rm -f /etc/nginx/sites-enabled/default")
    host.run("ln -sf ../sites-available/shop /etc/nginx/sites-enabled/ && nginx -t")
    host.run(": > /var/log/nginx/access.log")


def _apache(host: Host, text: str) -> None:
    host.run("cat > /etc/apache2/sites-available/shop.conf", data=text)
    ports = f"Listen {host.address}:80\nListen {host.address}:443\n"
    host.run("cat > /etc/apache2/ports.conf", data=ports)
    steps = re.search(r"# Then: (.*) && systemctl", text)
    assert steps is not None
    host.run(f"a2dissite -q 000-default; {steps[1]}")


def _caddy(host: Host, text: str) -> None:
    first = f"{NAME} {{\n"
    assert first in text
    alone = f"{first}\tbind {host.address}\n\ttls internal\n"
    host.run("cat > /etc/caddy/shop.caddy", data=text.replace(first, alone))
    host.run("cat > /etc/caddy/Caddyfile", data=f"{_CADDY_OPTIONS}import shop.caddy\n")


_CERTIFICATE = "--certificate /etc/lab/fullchain.pem"
FRONTS: dict[str, Front] = {
    "nginx": Front("nginx", _CERTIFICATE, _OWN, _nginx),
    "apache": Front("apache2", _CERTIFICATE, _OWN, _apache),
    "caddy": Front(
        "caddy", "", "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt", _caddy
    ),
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
