"""``python -m django_deploykit.servers.uvicorn``: uvicorn on all inherited sockets.

uvicorn's ``--fd`` takes one socket, but ``Server.run`` and ``Multiprocess`` take a list.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from socket import socket
from typing import Any

from django_deploykit.servers import LAST_REQUESTS, inherited_sockets


def answer_last_requests() -> None:
    """Let uvicorn answer what it accepted before it ends.

    By itself it closes connections on which it has not read a request yet, and kept ones without
    a word. The last answers say that the connection closes.
    """
    server: Any = import_module("uvicorn.server").Server
    shutdown = server.shutdown

    async def shutdown_when_answered(self: Any, sockets: list[socket] | None = None) -> None:
        for one in self.servers:
            one.close()
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        await asyncio.sleep(LAST_REQUESTS)
        await shutdown(self, sockets)

    server.shutdown = shutdown_when_answered


def listen_on_all() -> None:
    """Let uvicorn's command listen on the inherited sockets."""
    command: Any = import_module(
        "uvicorn.main"
    )  # the attribute `main` of the package is a function
    server: Any = import_module("uvicorn.server").Server
    run, processes = server.run, command.Multiprocess

    def bind_nothing(_: Any) -> socket:
        return socket()  # with several workers it would bind the default port first

    def run_on_all(self: Any, sockets: list[socket] | None = None) -> Any:
        return run(self, sockets or inherited_sockets())

    def processes_on_all(*args: Any, **options: Any) -> Any:
        return processes(*args, **{**options, "sockets": inherited_sockets()})

    server.run, command.Multiprocess = run_on_all, processes_on_all
    command.Config.bind_socket = bind_nothing


if __name__ in ("__main__", "__mp_main__"):  # worker processes import this module, too
    answer_last_requests()
if __name__ == "__main__":
    listen_on_all()
    import_module("uvicorn.main").main()
