"""Application servers besides gunicorn: real ones, which take over from each other under load."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.application_servers import DISTRIBUTIONS, HANDSHAKE, LINES, write_server_bundles
from tests.integration.sites import Done, Shop, Workshop
from tests.integration.test_startproject import index
from tests.projects import make_shop, manage, run, uv, vendor


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a bundle of the shop for each server, the oldest first."""
    project = make_shop(tmp_path_factory.mktemp("servers"))
    with (project / "requirements.in").open("a") as file:
        file.write("\n".join(DISTRIBUTIONS))
    (project / "requirements.txt").unlink()
    argv = ("pip", "compile", "-q", "--generate-hashes", "requirements.in", "-o")
    run(uv(), *argv, "requirements.txt", cwd=project, **index())
    vendor(project)

    def bundle(path: Path) -> None:
        done = manage(project, "bundle", "-o", str(path))
        assert done.returncode == 0, done.stderr

    return write_server_bundles(project, bundle)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(Workshop(tmp_path / "workshop"), tmp_path)
    yield shop
    shop.close()


def release(shop: Shop, path: Path) -> Done:
    done = shop.run("--bundle", str(path), "--noinput")
    assert done.code == 0, done.err
    return done


def test_each_server_takes_over_without_a_failed_request(
    bundles: dict[str, Path], shop: Shop
) -> None:
    names = ["gunicorn", *LINES, "uvicorn"]
    release(shop, bundles[names[0]])
    for new in names[1:]:
        with shop.load() as load:
            release(shop, bundles[new])
            assert shop.get("/").strip()
        assert (new, load.failed) == (new, [])
        assert load.sent > 20


def test_websockets_are_told_to_connect_again(bundles: dict[str, Path], shop: Shop) -> None:
    names = ("uvicorn", "daphne", "hypercorn", "gunicorn", "uvicorn")
    release(shop, bundles[names[0]])
    for old, new in itertools.pairwise(names):
        with socket.create_connection(("127.0.0.1", shop.port), timeout=60) as client:
            client.sendall(HANDSHAKE)
            assert client.recv(12) == b"HTTP/1.1 101"
            client.recv(4096)
            release(shop, bundles[new])
            closed = b"\x88\x02" + (1012).to_bytes(2, "big")  # a frame that closes
            assert (old, client.recv(4)) == (old, closed)
