"""Work in child processes while this one goes on: unpacking what came in while more is coming."""

from __future__ import annotations

import functools
import json
import os
from typing import Callable, Dict, List, Tuple

_MOST = 4  # children at once, where there are processors for them
_NICE = 10  # they leave the processor to what is coming in, and to a site that serves
Job = Tuple[str, int, Callable[[], None], Callable[[], None]]


class Beside:
    """Jobs under way in children, and others that wait for one to end.

    What a job does must last when its process ends.
    """

    def __init__(self, room: int) -> None:
        """``room`` is how much the jobs that wait may weigh together."""
        processors = os.cpu_count() or 1
        self._most = min(processors, _MOST) if processors > 1 else 0
        self._room = room
        self._running: Dict[int, Tuple[str, Callable[[], None]]] = {}
        self._waiting: List[Job] = []

    def do(self, name: str, weight: int, job: Callable[[], None], then: Callable[[], None]) -> None:
        """Start a job that has a name; ``then`` is called here once it has ended, well or not.

        ``then`` finds out by itself how it ended. Where there is one processor only, it has to do all.
        """
        if not self._most:
            then()
            return
        self.wait(name)
        self._waiting.append((name, weight, job, then))
        self._go_on()
        while self._waiting and sum(one[1] for one in self._waiting) > self._room:
            self._bury()

    def wait(self, name: str) -> None:
        """Wait for a job, if it is under way or waits."""
        while name in [one[0] for one in (*self._waiting, *self._running.values())]:
            self._bury()

    def finish(self) -> None:
        """Wait for all jobs, also where what follows one of them fails."""
        try:
            while self._running:
                self._bury()
        finally:
            if self._running:
                self.finish()

    def _go_on(self) -> None:
        """Start what waits where there is a processor for it, and follow what has ended."""
        for child in list(self._running):
            if os.waitpid(child, os.WNOHANG)[0]:
                self._follow(child)
        while self._waiting and len(self._running) < self._most:
            name, _, job, then = self._waiting.pop(0)
            child = os.fork()
            if child == 0:
                os.nice(_NICE)
                os._exit(_code(job))
            self._running[child] = (name, then)

    def _bury(self) -> None:
        """Wait for the end of one job."""
        child = next(iter(self._running))
        os.waitpid(child, 0)
        self._follow(child)
        self._go_on()

    def _follow(self, child: int) -> None:
        self._running.pop(child)[1]()


class Aside:
    """One job in a child, begun at once, that is to find out whether something is right.

    Who makes one must call :meth:`close`.
    """

    def __init__(self, job: Callable[[], None]) -> None:
        self._job = job
        self._child = os.fork()
        if self._child == 0:
            os._exit(_code(job))

    def result(self) -> None:
        """Wait for it. Where it failed it is done again, here, to raise what is wrong."""
        if self.close():
            self._job()

    def close(self) -> int:
        """Wait for the child; returns its status, 0 where it succeeded or was waited for before."""
        child, self._child = self._child, 0
        return os.waitpid(child, 0)[1] if child else 0


def ahead(work: Callable[[], List[str]]) -> Callable[[], List[str]]:
    """Begin work in a child; what is returned waits for its result, the first time.

    Where the child cannot tell, the work is done by who asks, who then learns why.
    """
    if (os.cpu_count() or 1) < 2:
        return functools.lru_cache(maxsize=None)(work)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(_code(lambda: _write(writer, json.dumps(work()))))
    os.close(writer)

    @functools.lru_cache(maxsize=None)
    def result() -> List[str]:
        with os.fdopen(reader, "rb") as file:
            text = file.read()
        return list(json.loads(text)) if os.waitpid(child, 0)[1] == 0 else work()

    return result


def _write(descriptor: int, text: str) -> None:
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _code(job: Callable[[], None]) -> int:
    try:
        job()
    except BaseException:  # an exception that left the child would run the parent's handlers
        return 1
    return 0
