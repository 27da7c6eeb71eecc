"""Ports of the loopback for tests that serve: each is one process's until that process ends.

The kernel hands out the ports above 32768 to connections, and all day to those of other tests. A
port that was free when it was chosen could be another's a moment later, so these lie below.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

_PORTS = range(20_000, 32_000)
_claims: dict[int, IO[str]] = {}  # open files, whose locks end with this process


def claim_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens and that no other test process claims."""
    folder = Path(tempfile.gettempdir()) / f"deploykit-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in _PORTS:
        if port not in _claims and _claim(folder / str(port), port):
            return port
    raise RuntimeError(f"every port from {_PORTS.start} to {_PORTS.stop - 1} is in use")


def _claim(path: Path, port: int) -> bool:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
    except OSError:
        file.close()
        return False
    _claims[port] = file
    return True
