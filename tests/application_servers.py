"""Application servers besides gunicorn: their lines of a Procfile, and an application for ASGI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.projects import commit

# Locked besides what the shop has.
DISTRIBUTIONS = (
    "uvicorn", "uvloop", "httptools", "websockets", "hypercorn", "daphne", "pyuwsgi", "uvicorn-worker", "gevent",
)  # fmt: skip
# As on Heroku: our hosts give each of them other addresses.
LINES = {
    "uwsgi": "uwsgi --http :$PORT --module shop.wsgi --processes 2 --need-app",
    "gevent": "gunicorn --bind 0.0.0.0:$PORT -k gevent --workers 2 shop.wsgi",
    "uvicorn": "uvicorn --host 0.0.0.0 --port $PORT --workers 2 --loop uvloop --http httptools shop.asgi:application",
    "hypercorn": "hypercorn -k uvloop --workers 2 --bind 0.0.0.0:$PORT shop.asgi:application",
    "daphne": "daphne -b 0.0.0.0 -p $PORT shop.asgi:application",
    "gunicorn": "gunicorn shop.asgi:application -k shop.workers.Worker --workers 2",
}
_ASGI = """
import os
from django.core.asgi import get_asgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django = get_asgi_application()


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return await django(scope, receive, send)
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": os.environ["DEPLOYKIT_RELEASE"]})
"""
_WORKER = """
from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {"lifespan": "off"}
"""
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def write_server_bundles(project: Path, bundle: Callable[[Path], None]) -> dict[str, Path]:
    """Return a bundle of a shop for each server, the oldest first; ``bundle`` writes one."""
    found = {}
    for number, (name, line) in enumerate(LINES.items()):
        if "asgi" in line:  # WSGI serves no WebSockets, so its commits have none
            (project / "shop" / "asgi.py").write_text(_ASGI)
            (project / "shop" / "workers.py").write_text(_WORKER)
        (project / "Procfile").write_text(f"web: {line}\n")
        commit(project, f"Serve with {name}", f"2026-11-24T04:1{number}:00Z")
        found[name] = project.parent / f"{name}.pyz"
        bundle(found[name])
    return found
