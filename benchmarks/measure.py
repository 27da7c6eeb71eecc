"""Taking times, memory and rates. Nothing here fails: a machine under load is slow, not wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.runtime.base.documents import Document

_PAUSE = 0.004  # seconds between two looks at a server that starts


@dataclass(frozen=True)
class Taken:
    """A command that ran: seconds, the largest process's memory in MiB, what it printed.

    ``processor`` is the processor time of the command and its children, in seconds.
    """

    seconds: float
    memory: float
    output: str
    processor: float = 0.0


@dataclass
class Samples:
    """Figures by row, subject and round."""

    values: dict[str, dict[str, dict[int, list[float]]]] = field(default_factory=dict)

    @classmethod
    def of_parts(cls, parts: Iterable[Document]) -> Samples:
        """Return the samples of all parts that :func:`read_parts` returned."""
        samples = cls()
        for part in parts:
            for row, subjects in part["samples"].items():
                for subject, rounds in subjects.items():
                    for number, values in rounds.items():
                        for value in values:
                            samples.add(row, subject, int(number), value)
        return samples

    def add(self, row: str, subject: str, number: int, value: float) -> None:
        """Keep a figure of a round."""
        rounds = self.values.setdefault(row, {}).setdefault(subject, {})
        rounds.setdefault(number, []).append(value)

    def median(self, row: str, subject: str) -> float | None:
        """Return the median of all figures, None where nothing was measured."""
        rounds = self.values.get(row, {}).get(subject, {})
        found = [value for values in rounds.values() for value in values]
        return statistics.median(found) if found else None

    def ratios(self, above: tuple[str, str], below: tuple[str, str]) -> list[float]:
        """Return the ratios round by round: both sides of a pair saw about the same machine."""
        upper = self.values.get(above[0], {}).get(above[1], {})
        lower = self.values.get(below[0], {}).get(below[1], {})
        return [
            statistics.median(upper[number]) / statistics.median(lower[number])
            for number in sorted(upper.keys() & lower.keys())
        ]


def read_parts(path: Path) -> Document:
    """Return what earlier runs left in a file, by part."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def timed(
    argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str], codes: Sequence[int] = (0,)
) -> Taken:
    """Run a command that must end with one of ``codes``."""
    with tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(one) for one in argv], cwd=cwd, env=env, stdout=out, stderr=subprocess.STDOUT
        )
        # wait4 gives the memory of this process or, where larger, of a child that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode("utf-8", "replace")
    if process.returncode not in codes:
        shown = " ".join(str(one) for one in argv)
        raise SystemExit(f"error: {shown} ended with {process.returncode}:\n{output[-3000:]}")
    unit = 1 << 20 if os.uname().sysname == "Darwin" else 1 << 10
    return Taken(seconds, usage.ru_maxrss / unit, output, usage.ru_utime + usage.ru_stime)


@contextlib.contextmanager
def peaks(found: dict[str, float], kinds: Mapping[str, str], every: float = 0.1) -> Iterator[None]:
    """Add the largest process of each kind among this process's descendants, in MiB (only on Linux).

    ``kinds`` gives the kind of a process for a part of its command line; the first that fits counts.
    """

    def look() -> None:
        for pid in _descendants(os.getpid()):
            line = _command_line(pid)
            kind = next((kind for part, kind in kinds.items() if part in line), "")
            if kind:
                found[kind] = max(found.get(kind, 0.0), _most(pid))

    with _again_and_again(look, every):
        yield


@contextlib.contextmanager
def _again_and_again(look: Callable[[], None], every: float) -> Iterator[None]:
    """Call a function in a thread until the block ends, after pauses of ``every`` seconds."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(every):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _most(pid: int) -> float:
    """Return the largest resident size that a process had, in MiB."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        return int(text.split("\nVmHWM:")[1].split()[0]) / (1 << 10)
    return 0.0


@contextlib.contextmanager
def tree_memory(found: list[float], without: str, every: float = 0.01) -> Iterator[None]:
    """Add two peaks of this process's descendants together, in MiB, to ``found`` (only on Linux).

    The first is of all of them, the second leaves out those whose command line holds ``without``.
    Memory that processes share counts in equal parts for each (Linux's proportional set size).
    """
    most = [0.0, 0.0]

    def look() -> None:
        sizes = {pid: _proportional(pid) for pid in _descendants(os.getpid())}
        left = sum(size for pid, size in sizes.items() if without not in _command_line(pid))
        most[:] = max(most[0], sum(sizes.values())), max(most[1], left)

    try:
        with _again_and_again(look, every):
            yield
    finally:
        found += most


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                row = Path(f"/proc/{name}/stat").read_text(encoding="ascii", errors="replace")
                parents.setdefault(int(row.rpartition(")")[2].split()[1]), []).append(int(name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def _proportional(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError, ValueError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        return int(text.split("\nPss:")[1].split()[0]) / (1 << 10)
    return 0.0


@contextlib.contextmanager
def serving(
    argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str], port: int
) -> Iterator[float]:
    """Start a server and yield the seconds to its first 200; it is stopped afterwards."""
    with tempfile.TemporaryFile() as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(one) for one in argv],
            cwd=cwd,
            env={**env, "PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - begun > 60:
                    log.seek(0)
                    text = log.read().decode("utf-8", "replace")
                    raise SystemExit(f"error: no server came up:\n{text[-3000:]}")
                time.sleep(_PAUSE)
            yield time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def rate(url: str, seconds: int) -> float:
    """Return the requests per second that wrk counts; every answer must be good."""
    argv = ["wrk", "-t1", "-c16", f"-d{seconds}s", url]
    done = subprocess.run(argv, capture_output=True, text=True)
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if not found or "Non-2xx" in done.stdout:
        raise SystemExit(f"error: wrk failed on {url}:\n{done.stdout}{done.stderr}")
    return float(found[1])
