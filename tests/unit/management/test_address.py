"""The URL that is printed is one that answers."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from django_deploykit.management.address import answering_url, browser_names
from tests.ports import claim_port


class Site(http.server.BaseHTTPRequestHandler):
    """Answers as Django does: 400 to hosts that it does not know, 404 to pages, or a redirect."""

    hosts: tuple[str, ...] = ()
    pages: tuple[str, ...] = ("/",)
    secure = False

    def do_GET(self) -> None:
        known = self.headers["Host"].partition(":")[0] in self.hosts
        status = 400 if not known else 200 if self.path in self.pages else 404
        if known and self.secure and self.headers["X-Forwarded-Proto"] != "https":
            status = 301
        self.send_response(status)
        self.send_header("Location", f"https://{self.headers['Host']}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def listen() -> Iterator[str]:
    port = claim_port()
    one = http.server.HTTPServer(("127.0.0.1", port), Site)
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{port}"
    one.shutdown()
    thread.join()
    one.server_close()


@pytest.mark.parametrize(
    ("hosts", "pages", "secure", "url"),
    [
        (("127.0.0.1", "localhost"), ("/",), False, "http://127.0.0.1:{port}/"),
        (("localhost",), ("/",), False, "http://localhost:{port}/"),
        (("localhost",), ("/up",), False, "http://localhost:{port}/up"),
        (("shop.example.com",), ("/",), False, ""),
        (("localhost",), ("/",), True, ""),
        (("localhost",), (), False, ""),
    ],
)
def test_a_url_is_one_that_a_browser_can_open(
    listen: str,
    monkeypatch: pytest.MonkeyPatch,
    hosts: tuple[str, ...],
    pages: tuple[str, ...],
    secure: bool,
    url: str,
) -> None:
    for name, value in (("hosts", hosts), ("pages", pages), ("secure", secure)):
        monkeypatch.setattr(Site, name, value)
    assert answering_url(listen, "/up") == url.format(port=listen.rpartition(":")[2])


def test_nothing_that_listens_has_no_url() -> None:
    assert answering_url(f"127.0.0.1:{claim_port()}", "/") == ""
    assert answering_url("/run/shop.sock", "/") == ""


@pytest.mark.parametrize(
    ("listen", "first"),
    [
        ("0.0.0.0:80", "127.0.0.1:80"),
        (":80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        ("shop.example:80", "shop.example:80"),
    ],
)
def test_an_address_that_is_all_addresses_is_this_machine(listen: str, first: str) -> None:
    assert list(browser_names(listen)) == [first, "localhost:80"]
