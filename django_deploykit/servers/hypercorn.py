"""``python -m django_deploykit.servers.hypercorn``: hypercorn, which answers before it ends.

By itself it closes kept connections at once when it ends, goes on accepting meanwhile, and waits for
WebSockets until the time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from django_deploykit.servers import LAST_REQUESTS, SERVICE_RESTART

_REPLY = 0.5  # seconds in which a client may answer that it closes its WebSocket, too


class WebSockets:
    """An ASGI application that can close the WebSockets of another one."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._open: set[Any] = set()
        self._ends = False

    async def __call__(self, scope: Any, receive: Any, send: Any, *others: Any) -> None:
        """Run the application, and remember its WebSocket while it is open."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send, *others)
            return

        async def remember(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept":
                self._open.add(send)
            elif message["type"] == "websocket.close":
                self._open.discard(send)
            if not self._ends:
                await send(message)

        try:
            await self._app(scope, receive, remember, *others)
        finally:
            self._open.discard(send)

    async def close(self) -> None:
        """Tell all clients to connect again, and cut the connections of those that do not answer."""
        self._ends = True
        # hypercorn sends None itself when an application has ended.
        for message in ({"type": "websocket.close", "code": SERVICE_RESTART}, None):
            for send in list(self._open):
                with suppress(Exception):  # the client has just closed it
                    await send(message)
            if self._open:
                await asyncio.sleep(_REPLY)


def answer_last_requests() -> None:
    """Let workers stop accepting first, and answer what they accepted, before they end."""
    workers: Any = import_module("hypercorn.asyncio.run")
    config_class: Any = import_module("hypercorn.config").Config
    serve, headers_of = workers.worker_serve, config_class.response_headers
    start = asyncio.start_server
    listening: list[asyncio.Server] = []
    ends: list[Any] = []

    async def start_and_remember(*args: Any, **options: Any) -> asyncio.Server:
        server = await start(*args, **options)
        listening.append(server)
        return server

    def last_headers(self: Any, protocol: str) -> Any:
        found = headers_of(self, protocol)
        return [*found, (b"connection", b"close")] if ends and protocol == "h11" else found

    async def serve_to_the_end(
        app: Any,
        config: Any,
        *,
        sockets: Any,
        shutdown_trigger: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        websockets = WebSockets(app)

        async def end() -> None:
            await shutdown_trigger()
            for server in listening:
                server.close()
            ends.append(config)
            await asyncio.sleep(LAST_REQUESTS)
            await websockets.close()

        await serve(websockets, config, sockets=sockets, shutdown_trigger=end, **options)

    workers.worker_serve, config_class.response_headers = serve_to_the_end, last_headers
    asyncio.start_server = start_and_remember


def wait_for_all_workers() -> None:
    """Let the main process wait for workers that are still answering when the first one has ended.

    By itself it terminates them. All of them were told to end.
    """
    process: Any = import_module("multiprocessing.context").SpawnProcess
    process.terminate = process.join


if __name__ in ("__main__", "__mp_main__"):  # worker processes import this module, too
    answer_last_requests()
if __name__ == "__main__":
    import sys

    wait_for_all_workers()
    sys.exit(import_module("hypercorn.__main__").main())
