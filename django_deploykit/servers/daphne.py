"""``python -m django_deploykit.servers.daphne``: daphne on all inherited sockets.

daphne's ``--fd`` cannot serve a Unix socket, and Twisted's endpoint for systemd changes the mode of
its path and removes it at the end, while another release listens there. By itself daphne cancels
the requests that it has not answered when it stops.
"""

from __future__ import annotations

import asyncio
import socket
from importlib import import_module
from typing import Any

from daphne import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    cli,
    http_protocol,
    server,  # which installs its reactor
    ws_protocol,
)

from django_deploykit.servers import (
    BACKLOG,
    LAST_REQUESTS,
    SERVICE_RESTART,
    inherited_sockets,
)

defer: Any = import_module("twisted.internet.defer")
reactor: Any = import_module("twisted.internet.reactor")
tcp: Any = import_module("twisted.internet.tcp")
unix: Any = import_module("twisted.internet.unix")

_POLL = 0.05  # seconds


class Server(server.Server):  # type: ignore[misc,unused-ignore]
    """daphne's server, which answers what it accepted before it stops."""

    ends = False

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send what an application answers. The last answers close their connections."""
        if self.ends and message["type"] == "http.response.start":
            message = {
                **message,
                "headers": [*message.get("headers", ()), (b"connection", b"close")],
            }
            protocol.channel.persistent = False
        await super().handle_reply(protocol, message)

    def kill_all_applications(self) -> Any:
        """Stop listening, wait for requests, and close WebSockets. Called before the end."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._finish()))

    async def _finish(self) -> None:
        self.ends = True
        for port in Inherited.ports:
            port.stopListening()
        await asyncio.sleep(LAST_REQUESTS)
        while any(isinstance(one, http_protocol.WebRequest) for one, _ in self._running()):
            await asyncio.sleep(_POLL)
        for protocol, application in self._running():
            if isinstance(protocol, ws_protocol.WebSocketProtocol):
                protocol.sendCloseFrame(code=SERVICE_RESTART, isReply=False)
            application.cancel()
        await asyncio.sleep(_POLL)

    def _running(self) -> list[tuple[Any, Any]]:
        """Return the connections whose application has not ended, with the application's future."""
        rows = [(key, row.get("application_instance")) for key, row in self.connections.items()]
        return [(key, future) for key, future in rows if future is not None and not future.done()]


class Inherited:
    """An endpoint of Twisted: an inherited socket, by its place among them."""

    ports: list[Any] = []
    sockets = inherited_sockets()

    def __init__(self, _: object, place: str) -> None:
        self._socket = self.sockets[int(place)]

    def listen(self, factory: Any) -> Any:
        """Listen, and return a deferred port."""
        number, family = self._socket.fileno(), self._socket.family
        self._socket.setblocking(False)
        # reactor.adoptStreamPort() would listen at once, and change the mode of a Unix socket.
        if family == socket.AF_UNIX:
            port = unix.Port._fromListeningDescriptor(reactor, number, factory)  # noqa: SLF001
            # As if it were abstract, the path's mode stays, and the path is not removed at the end.
            port._bindPath = b"\0"  # noqa: SLF001
        else:
            port = tcp.Port._fromListeningDescriptor(reactor, number, family, factory)  # noqa: SLF001
        port.backlog = BACKLOG
        port.startListening()
        self.ports.append(port)
        return defer.succeed(port)


class Command(cli.CommandLineInterface):  # type: ignore[misc,unused-ignore]
    """daphne's command line."""

    server_class = Server


def main(arguments: list[str]) -> None:
    """Run daphne with arguments that do not say where it listens."""
    server.serverFromString = Inherited
    places = range(len(Inherited.sockets))
    Command().run([word for place in places for word in ("-e", str(place))] + arguments)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
