"""A package index on loopback that asks for a password."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

USER, PASSWORD = "ann", "s3cret-of-the-index"


class Handler(BaseHTTPRequestHandler):
    """Serves the wheels of a folder: a page for each name, as PEP 503 says, and the files."""

    protocol_version = "HTTP/1.1"
    folder = Path()
    allowed = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    leaks: ClassVar[list[str]] = []  # command lines that had the password during a request

    def do_GET(self) -> None:
        self.leaks.extend(iter_leaks())
        name = self.path.rstrip("/").rpartition("/")[2]
        if self.headers.get("Authorization") != self.allowed:
            self._answer(401, b"who are you?", ("WWW-Authenticate", 'Basic realm="index"'))
        elif name.endswith(".whl") and (self.folder / name).is_file():
            self._answer(
                200, (self.folder / name).read_bytes(), ("Content-Type", "application/zip")
            )
        elif rows := sorted(self.folder.glob(f"{name.replace('-', '_')}-*.whl")):
            links = "".join(f'<a href="/{one.name}#{_hash(one)}">{one.name}</a>' for one in rows)
            page = f"<!DOCTYPE html><html><body>{links}</body></html>"
            self._answer(200, page.encode(), ("Content-Type", "text/html"))
        else:
            self._answer(404, b"no such package")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for key, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def iter_leaks() -> Iterator[str]:
    """Yield the command lines of this machine that have the password. All users can read them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            words = path.read_bytes().decode("utf-8", "replace").replace("\0", " ")
            if PASSWORD in words:
                yield words


def _hash(path: Path) -> str:
    return f"sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


@contextmanager
def serve_index(folder: Path) -> Iterator[str]:
    """Serve the wheels of a folder; yields the index's URL, without the password.

    During each request, no process of this machine may have the password among its arguments.
    """
    leaks: list[str] = []
    handler = type("Index", (Handler,), {"folder": folder, "leaks": leaks})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert leaks == []
