"""Runs work in child processes: a pool of jobs, or one piece of work in the background.

Children are forks, because these start at once with everything loaded. A fork of a process with
several threads can deadlock, so such a process has no children and does the work itself.
"""

from __future__ import annotations

import json
import os
from typing import Callable, Dict, Generic, List, Optional, Tuple, TypeVar

T = TypeVar("T")
Job = Tuple[str, int, Callable[[], None], Callable[[], None]]
_MAX_CHILDREN = 4  # if there are that many processors
_NICE = 10  # receiving data, and the live site, have priority


def is_single_threaded() -> bool:
    """Whether this process has one thread, as the kernel counts them."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        import threading  # slow to import; only needed without /proc

        return threading.active_count() == 1


def child_limit() -> int:
    """Return how many children this process may have; 0 if it must do all work itself."""
    processors = os.cpu_count() or 1
    return min(processors, _MAX_CHILDREN) if processors > 1 and is_single_threaded() else 0


def fork() -> int:
    """Fork; raise :class:`RuntimeError` if this process has several threads.

    The child would keep every lock that another thread holds at that moment, forever.
    """
    if not is_single_threaded():
        raise RuntimeError("a process with several threads must not fork")
    return os.fork()


class Pool:
    """Jobs that run in children, and jobs that wait for a child to end.

    Only effects outside the child process remain, such as files.
    """

    def __init__(self, room: int) -> None:
        """Make a pool; ``room`` is the largest total weight of waiting jobs."""
        self._limit = child_limit()
        self._room = room
        self._running: Dict[int, Tuple[str, Callable[[], None]]] = {}
        self._waiting: List[Job] = []

    def submit(
        self, name: str, weight: int, job: Callable[[], None], then: Callable[[], None]
    ) -> None:
        """Start a named job. ``then`` is called in this process when it has ended or failed.

        ``then`` must find out what the job did. If there can be no children, only ``then`` is
        called, and must do everything.
        """
        if not self._limit:
            then()
            return
        self.wait(name)
        self._waiting.append((name, weight, job, then))
        self._start_waiting()
        while self._waiting and sum(one[1] for one in self._waiting) > self._room:
            self._wait_for_one()

    def wait(self, name: str) -> None:
        """Wait until no job with that name runs or waits."""
        while name in [one[0] for one in (*self._waiting, *self._running.values())]:
            self._wait_for_one()

    def finish(self) -> None:
        """Wait for all jobs, even if the ``then`` of one of them raises an error."""
        try:
            while self._running:
                self._wait_for_one()
        finally:
            if self._running:
                self.finish()

    def _start_waiting(self) -> None:
        for child in list(self._running):
            if os.waitpid(child, os.WNOHANG)[0]:
                self._conclude(child)
        while self._waiting and len(self._running) < self._limit:
            name, _, job, then = self._waiting.pop(0)
            child = fork()
            if child == 0:
                os.nice(_NICE)
                os._exit(_status(job))
            self._running[child] = (name, then)

    def _wait_for_one(self) -> None:
        child = next(iter(self._running))
        os.waitpid(child, 0)
        self._conclude(child)
        self._start_waiting()

    def _conclude(self, child: int) -> None:
        self._running.pop(child)[1]()


class Background(Generic[T]):
    """Work that starts at once in a child; its result must be JSON. Call :meth:`close` at the end."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._child, self._reader = 0, -1
        self._known: Optional[Tuple[T]] = None
        if child_limit():
            self._reader, writer = os.pipe()
            self._child = fork()
            if self._child == 0:
                os._exit(_status(lambda: _write(writer, json.dumps(work()))))
            os.close(writer)

    def result(self) -> T:
        """Return the result, waiting for it.

        If there is no child or it failed, the work is done here, and raises its own errors.
        """
        if self._known is None:
            text = self.close()
            self._known = (json.loads(text) if text else self._work(),)
        return self._known[0]

    def close(self) -> bytes:
        """Wait for the child; return its result as JSON, or ``b""`` if there is none."""
        if not self._child:
            return b""
        with open(self._reader, "rb") as file:
            text = file.read()
        child, self._child = self._child, 0
        return b"" if os.waitpid(child, 0)[1] else text


def _write(descriptor: int, text: str) -> None:
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _status(job: Callable[[], None]) -> int:
    try:
        job()
    except BaseException:  # an exception that leaves the child would run the parent's handlers
        return 1
    return 0
