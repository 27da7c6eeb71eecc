"""Counting the bytes of a connection: a relay that everything passes, whatever program speaks."""

from __future__ import annotations

import contextlib
import socket
import threading

_PIECE = 1 << 18


class Relay:
    """Listens on loopback, passes everything on to ``address:port``, and counts what is sent.

    ``sent`` are the bytes towards the host: all of TCP's payload, key exchange and encryption
    included.
    """

    def __init__(self, address: str, port: int = 22) -> None:
        self.target = (address, port)
        self.sent = 0
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept() keeps a closed socket listening; a connection wakes it.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def taken(self) -> int:
        """Return the bytes sent since the last call."""
        with self._lock:
            count, self.sent = self.sent, 0
        return count

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self.target)
                threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, outwards: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if outwards:
                    with self._lock:
                        self.sent += len(piece)
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
