"""A client that never rests: requests one after the other on several connections, all counted."""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """Asks ``path`` of ``host:port`` on ``connections`` threads while the ``with`` block runs.

    With ``tls``, requests go over TLS to a site with the name ``name``. ``failed`` holds what went wrong; ``slowest`` is in seconds; a new connection is made for every
    ``per_connection`` requests, so that accepting is tried too.
    """

    port: int
    path: str = "/"
    host: str = "127.0.0.1"
    connections: int = 8
    per_connection: int = 20
    sent: int = 0
    slowest: float = 0.0
    failed: list[str] = field(default_factory=list)
    bodies: set[bytes] = field(default_factory=set)
    pause: float = 0.0
    tls: ssl.SSLContext | None = None
    name: str = ""

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._idle = threading.local()
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.connections)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=30)
        return _Secure(self.tls, self.name, (self.host, self.port))

    def _ask(self) -> None:
        while not self._stop.is_set():
            connection = self._connection()
            self._idle.since = math.inf
            try:
                for _ in range(self.per_connection):
                    if self._stop.is_set() or not self._once(connection):
                        break
            finally:
                connection.close()

    def _once(self, connection: http.client.HTTPConnection) -> bool:
        begun = time.monotonic()
        idle = begun - self._idle.since  # below zero on a new connection
        problem, body, closes = "", b"", False
        try:
            connection.request("GET", self.path, headers={"X-Forwarded-Proto": "https"})
            response = connection.getresponse()
            body = response.read()
            closes = response.will_close
            if response.status != 200:
                problem = f"status {response.status}"
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
            problem += f" after {time.monotonic() - begun:.3f} s"
            problem += " on a new connection" if idle < 0 else f", {idle:.3f} s after the last one"
            problem += f", at {time.strftime('%T')}"
        self._idle.since = time.monotonic()
        took = self._idle.since - begun
        with self._lock:
            self.sent += 1
            self.slowest = max(self.slowest, took)
            self.bodies.add(body[-200:])
            if problem:
                self.failed.append(problem)
        if self.pause:
            time.sleep(self.pause)
        return not problem and not closes


class _Secure(http.client.HTTPSConnection):
    """A connection to an address, for a name that no name server knows."""

    def __init__(self, tls: ssl.SSLContext, name: str, address: tuple[str, int]) -> None:
        super().__init__(name, timeout=30)
        self._tls, self._address = tls, address

    def connect(self) -> None:
        plain = socket.create_connection(self._address, self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
