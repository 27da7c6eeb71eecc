"""The probe of the live address, against a real server."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy.latency import rank, summary, watch
from django_deploykit.runtime.wire.operating import WatchResult


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers 200, and 500 to every third request."""

    asked = 0
    closing: int | None = None

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(500 if self.asked % 3 == 0 else 200)
        self.end_headers()
        if self.asked == 6 and self.closing is not None:
            os.close(self.closing)  # the caller has seen enough

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    Handler.asked, Handler.closing = 0, None
    one = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def site(tmp_path: Path, port: int) -> Site:
    return Site(
        app="shop",
        root=tmp_path,
        etc=tmp_path,
        data=tmp_path,
        listen=f"127.0.0.1:{port}",
        health="/up",
    )


def test_asks_until_the_caller_has_seen_enough(
    server: http.server.HTTPServer, tmp_path: Path
) -> None:
    reader, Handler.closing = os.pipe()
    told: list[str] = []
    try:
        seen = watch(
            site(tmp_path, server.server_port),
            "localhost",
            reader,
            lambda event: told.append(event.name),
        )
    finally:
        os.close(reader)
    assert told == ["watching"]
    assert 6 <= seen.count <= 8
    assert seen.failed == 2
    assert [good for _, _, good in seen.samples][:6] == [True, True, False, True, True, False]
    moments = [at for at, _, _ in seen.samples]
    assert moments == sorted(moments)


def test_a_refused_connection_is_a_failed_request(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    try:
        seen = watch(site(tmp_path, 1), "localhost", reader, lambda event: None)
    finally:
        os.close(reader)
    assert (seen.count, seen.failed) == (1, 1)


def test_percentiles_are_values_that_were_seen() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert rank(hundred, 0.50) == 50.0
    assert rank(hundred, 0.99) == 99.0
    assert rank([7.0], 0.99) == 7.0
    assert rank([], 0.5) == 0.0


def test_nothing_seen_is_zeros() -> None:
    assert summary([]) == WatchResult()
