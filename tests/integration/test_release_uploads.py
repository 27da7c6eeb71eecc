"""Static files on a storage that is no folder are uploaded by a step of the release."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from django_deploykit.runtime.bundle.reader import BundleFile
from tests.integration.sites import Shop


class Bucket(BaseHTTPRequestHandler):
    """Keeps what is put to it."""

    files: dict[str, bytes]

    def do_PUT(self) -> None:
        good = self.headers["Authorization"] == "key-of-the-host"
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if good:
            self.files[self.path] = data
        self.send_response(201 if good else 403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def bucket() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Return the URL of a bucket, and its files."""
    files: dict[str, bytes] = {}
    handler = type("Handler", (Bucket,), {"files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configure(shop: Shop, url: str, key: str) -> None:
    """Write the configuration of the site, as an operator does."""
    etc = shop.project / ".deploykit" / "local" / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    path = etc / "shop.ini"
    secret = "Kq4-for-tests-only-0123456789-abcdefghijklmnopqrstuvwxyz-xyz"
    path.write_text(f"[django]\nsecret_key = {secret}\n[bucket]\nurl = {url}\nkey = {key}\n")
    path.chmod(0o600)


def test_a_release_uploads_before_it_is_checked_with_the_hosts_configuration(
    shop: Shop, bucket: tuple[str, dict[str, bytes]]
) -> None:
    url, files = bucket
    with BundleFile(shop.workshop.bundle("bucket")) as bundle:
        assert bundle.manifest.static_storage == "shop.bucket.Bucket"
        assert not [layer for layer in bundle.manifest.layers if layer.kind == "static"]
    configure(shop, url, "wrong")
    planned = shop.release("bucket", "--plan", "--json")
    kinds = [step["kind"] for step in planned.data["plan"]["steps"]]
    assert kinds[kinds.index("stage") :][:3] == ["stage", "upload", "check"]
    assert "upload static files to shop.bucket.Bucket" in shop.release("bucket", "--plan").out

    refused = shop.release("bucket")
    assert refused.code == 1
    assert "`collectstatic --noinput` failed" in refused.err
    assert (shop.live, files) == ("", {})

    configure(shop, url, "key-of-the-host")
    done = shop.release("bucket")
    assert done.code == 0, done.err
    assert b"<svg" in files["/shop/cup.svg"]
    assert any(path.startswith("/admin/css/") for path in files)
    assert "static files copied" in done.err
    assert f"{url}/shop/shop.css" in shop.get()
