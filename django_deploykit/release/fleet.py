"""The hosts of an environment: carries out steps on them in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.progress import Progress
from django_deploykit.release import fanout
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.report.timeline import Timeline
from django_deploykit.release.request import Policy, ReleaseRequest
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.deploy.plan import REFUSED, Step, walk
from django_deploykit.runtime.deploy.stages import UNSWITCHED, host_problems
from django_deploykit.runtime.wire.facts import FACTS, HostFacts

T = TypeVar("T")
Work = Callable[[Step], str]  # does a step; returns why it had nothing to do, or an empty string


class Fleet:
    """Runs work on all hosts at once, shows its progress, and records when it began and ended."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        policy: Policy,
        request: ReleaseRequest,
        progress: Progress,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``sleep`` waits before a host whose connection broke is asked again."""
        self.transports = dict(transports)
        self.policy, self.request, self.progress, self.sleep = policy, request, progress, sleep
        self.timeline = Timeline(progress)
        self.outcome = Outcome("", spans=self.timeline.spans)
        self._under_way = ""  # the name of the step

    def facts(
        self,
        python: str,
        refused: Callable[[Mapping[str, HostFacts]], Sequence[str]] = lambda _: (),
    ) -> dict[str, HostFacts]:
        """Return the facts of all hosts, by host. Each host is asked once.

        Raises :class:`Problems` if some hosts do not answer. The error also lists what ``refused``
        returns for the hosts that did.
        """
        with self.step("ask", list(self.transports)):
            found, errors = self.each(
                list(self.transports),
                lambda one: one.call(FACTS, "--python", python),
            )
        answered = {host: found[host] for host in self.transports if host in found}
        if errors:
            others = list(refused(answered))
            raise Problems(
                REFUSED if others else "nothing was changed; these hosts did not answer:",
                [f"{host}: {first_line(error)}" for host, error in errors.items()] + others,
                "\n".join(dict.fromkeys(error.hint for error in errors.values() if error.hint)),
            )
        return answered

    def each(
        self, hosts: Sequence[str], work: Callable[[Transport], T]
    ) -> tuple[dict[str, T], dict[str, DeployKitError]]:
        """Run ``work`` on hosts in parallel; return results and errors by host."""
        return fanout.each(self.transports, hosts, self.timeline.around(self._under_way, work))

    def all(self, hosts: Sequence[str], work: Callable[[Transport], T]) -> dict[str, T]:
        """Run ``work`` on hosts in parallel; return results by host.

        Raises :class:`Problems` if it fails on any host.
        """
        done, errors = self.each(hosts, work)
        if errors:
            raise host_problems(UNSWITCHED, errors)
        return done

    def walk(
        self,
        steps: Sequence[Step],
        work: Mapping[str, Work],
        goes_on: Callable[[Sequence[Step]], bool] = lambda _: True,
    ) -> Sequence[Step]:
        """Carry out steps with the function for their kind; return the steps not reached."""
        handlers = {kind: partial(self._carry_out, one) for kind, one in work.items()}
        return walk(steps, handlers, goes_on)

    def _carry_out(self, work: Work, step: Step) -> None:
        with self.step(step.kind, step.hosts):
            idle = work(step)
            if idle:
                self.progress.note(f"{step.kind}: nothing to do, {idle}")

    @contextmanager
    def step(self, name: str, hosts: Sequence[str]) -> Iterator[None]:
        """Show a step and record how many seconds it took."""
        begun, self._under_way = time.monotonic(), name
        try:
            with self.progress.step(name, hosts):
                yield
        finally:
            self._under_way = ""
        seconds = self.outcome.seconds
        seconds[name] = round(seconds.get(name, 0.0) + time.monotonic() - begun, 3)


def first_line(error: DeployKitError) -> str:
    """Return the first line of an error's message, or its class name without one."""
    return error.message.splitlines()[0] if error.message else type(error).__name__
