"""Requests while something is released: wrk with its own figures, and one visitor who watches for gaps."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_REPORT = """\
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'figures {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "slowest": %f, ' ..
    '"failed": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, latency.max / 1e6,
    e.connect + e.read + e.write + e.timeout + e.status,
    e.connect, e.read, e.write, e.timeout, e.status))
end
"""
_CONNECTIONS = 32
_GAP = 0.02  # seconds between the visitor's requests


@dataclass(frozen=True)
class Seen:
    """What wrk counted: ``p50``, ``p99`` and ``slowest`` in seconds; ``gap`` is the visitor's longest."""

    requests: int
    seconds: float
    p50: float
    p99: float
    slowest: float
    failed: int
    kinds: dict[str, int]  # of failures: connect, read, write, timeout, status
    gap: float

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in self.kinds.items() if count)
        return (
            f"{self.requests} requests, {self.failed} failed{f' ({kinds})' if kinds else ''}, "
            f"p99 {self.p99 * 1000:.0f} ms, slowest {self.slowest * 1000:.0f} ms"
        )


class Traffic:
    """wrk with 32 connections on a page while the ``with`` block runs; then :attr:`seen`."""

    def __init__(self, address: str, port: int, path: str = "/") -> None:
        self.visitor = Visitor(address, port, path)
        self.url = f"http://{address}:{port}{path}"
        self.seen: Seen | None = None

    def __enter__(self) -> Traffic:
        self._folder = tempfile.TemporaryDirectory()
        script = Path(self._folder.name) / "report.lua"
        script.write_text(_REPORT, encoding="ascii")
        words = [
            "wrk",
            "-t1",
            f"-c{_CONNECTIONS}",
            "-d3600s",
            "--timeout",
            "60s",
            "-s",
            str(script),
        ]
        self._wrk = subprocess.Popen(
            [*words, "-H", "X-Forwarded-Proto: https", self.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.visitor.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.visitor.__exit__()
        self._wrk.send_signal(signal.SIGINT)
        try:
            out, problem = self._wrk.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._wrk.kill()
            raise
        finally:
            self._folder.cleanup()
        lines = [line for line in out.splitlines() if line.startswith("figures ")]
        if not lines:
            raise SystemExit(f"error: wrk reported nothing about {self.url}:\n{out}{problem}")
        data = json.loads(lines[0].partition(" ")[2])
        names = ("connect", "read", "write", "timeout", "status")
        kinds = {name: data.pop(name) for name in names}
        self.seen = Seen(**data, kinds=kinds, gap=self.visitor.gap)

    def result(self) -> Seen:
        """Return what was seen, after the block."""
        assert self.seen is not None
        return self.seen


class Visitor:
    """Asks for a page again and again, each time over a new connection.

    ``gap`` is the longest time in seconds from one good answer to the next, ``page`` the last one.
    """

    def __init__(self, address: str, port: int, path: str = "/") -> None:
        self.address, self.port, self.path = address, port, path
        self.gap, self.page = 0.0, ""
        self._stop = threading.Event()

    def __enter__(self) -> Visitor:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(70)

    def _watch(self) -> None:
        last = 0.0
        while not self._stop.wait(_GAP):
            page = fetch(self.address, self.port, self.path)
            if page is not None:
                now = time.monotonic()
                self.gap = max(self.gap, now - last) if last else 0.0
                last, self.page = now, page


def fetch(address: str, port: int, path: str = "/") -> str | None:
    """Return a page, None where it cannot be had."""
    connection = http.client.HTTPConnection(address, port, timeout=60)
    try:
        connection.request(
            "GET", path, headers={"X-Forwarded-Proto": "https", "Connection": "close"}
        )
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None
    else:
        return text if answer.status == 200 else None
    finally:
        connection.close()


def wait_for(address: str, port: int, text: str, patience: float = 120.0) -> None:
    """Wait until a page holds a text."""
    end = time.monotonic() + patience
    while text not in (fetch(address, port) or ""):
        if time.monotonic() > end:
            raise SystemExit(f"error: {text!r} did not come up on {address}:{port}")
        time.sleep(_GAP / 4)
