"""Records which step ran when on which host, for a release's report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.progress import DONE, FAILED, RUNS, Progress

if TYPE_CHECKING:  # every command prints progress; only releases need transports
    from django_deploykit.release.transports.base import Transport

T = TypeVar("T")


@dataclass(frozen=True)
class Span:
    """A step on one host; ``begun`` and ``ended`` are in Unix seconds.

    ``host`` is empty for a step on the controller. ``result`` is ``done`` or ``failed``.
    """

    host: str
    step: str
    begun: float
    ended: float
    result: str = DONE


@dataclass(frozen=True)
class Sample:
    """One request of a probe: its time in Unix seconds, its duration, and whether it succeeded."""

    at: float
    seconds: float
    ok: bool


@dataclass(frozen=True)
class Latency:
    """What a probe measured on one host while it switched; times are in seconds."""

    host: str
    count: int
    failed: int
    p50: float
    p99: float
    slowest: float
    samples: tuple[Sample, ...] = ()

    def as_json(self) -> dict[str, str | int | float]:
        """Return the figures as JSON data, without the samples."""
        return {
            "host": self.host,
            "count": self.count,
            "failed": self.failed,
            "p50": self.p50,
            "p99": self.p99,
            "slowest": self.slowest,
        }


class Timeline:
    """Collects spans from several threads and reports the progress of each host."""

    def __init__(self, progress: Progress) -> None:
        self.spans: list[Span] = []
        self._progress = progress

    @contextmanager
    def span(self, host: str, step: str) -> Iterator[None]:
        """Record the block as a step on a host. A step without a name is not recorded."""
        if not step:
            yield
            return
        begun = time.time()
        self._progress.at(host, step, RUNS)
        try:
            yield
        except BaseException as error:
            self.spans.append(Span(host, step, begun, time.time(), FAILED))
            self._progress.at(host, step, FAILED, _first_line(error))
            raise
        self.spans.append(Span(host, step, begun, time.time()))
        self._progress.at(host, step, DONE)

    def around(self, step: str, work: Callable[[Transport], T]) -> Callable[[Transport], T]:
        """Return a function that runs ``work`` and records it as a step of the transport's host."""

        def recorded(transport: Transport) -> T:
            with self.span(transport.name, step):
                return work(transport)

        return recorded


def _first_line(error: BaseException) -> str:
    text = error.message if isinstance(error, DeployKitError) else str(error)
    return next(iter(text.splitlines()), type(error).__name__)
