"""Holds the deploy locks of all hosts, each by a verb on the host that ends with this process."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from django_deploykit.errors import DeployKitError
from django_deploykit.release.fanout import each
from django_deploykit.release.transports.base import LostError, Transport
from django_deploykit.release.transports.limits import HINT
from django_deploykit.runtime.base.errors import LOCKED
from django_deploykit.runtime.base.patience import GOODBYE
from django_deploykit.runtime.deploy.stages import host_problems
from django_deploykit.runtime.wire.calls import LONG
from django_deploykit.runtime.wire.events import Activity, Event
from django_deploykit.runtime.wire.facts import HOLD, Held, HostFacts

_HEARTBEAT = 10.0  # seconds; a host frees the lock after a minute of silence


@dataclass(frozen=True)
class Claim:
    """Who takes the locks, and for what.

    ``action`` and ``releases``, the release of each host, are for the host's journal if this process
    is killed. ``wait`` is in seconds. ``python`` is passed to the verb that collects facts. ``show`` gets what
    a host waits for once its lock is held: the work of a release that was interrupted.
    """

    owner: str
    what: str
    wait: float = 0.0
    python: str = ""
    show: Callable[[str], None] = lambda _: None
    action: str = "release"
    releases: Mapping[str, str] = field(default_factory=dict)


class DeployLock:
    """The deploy lock of one host; ``facts`` were collected when it was taken."""

    def __init__(
        self, transport: Transport, claim: Claim, wait: float, patience: float = LONG
    ) -> None:
        """``patience`` is how many seconds the host may take beyond ``wait``.

        It may wait for a migration that was left running.
        """
        self.facts = HostFacts(setup=False)
        self._transport, self._claim = transport, claim
        self._wait, self._patience = wait, patience
        self._held, self._ended = threading.Event(), threading.Event()
        self._stopping = threading.Event()
        self._failure: DeployKitError | None = None
        self._reader, self._writer = os.pipe()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._hold, self._beat)
        ]

    def take(self) -> DeployLock:
        """Wait until the lock is held; raise the host's error if it cannot be taken."""
        for thread in self._threads:
            thread.start()
        try:
            if not self._held.wait(self._wait + self._patience):
                raise LostError("it did not take the deploy lock in time", HINT)
        except BaseException:
            self.free()
            raise
        if self._failure is not None:
            self.free()
            raise self._failure
        return self

    def free(self) -> None:
        """Release the lock, and wait until the host has freed it."""
        self.let_go()
        for thread in self._threads:
            thread.join(10)

    def let_go(self) -> None:
        """Release the lock without waiting."""
        if not self._stopping.is_set():
            self._stopping.set()
            with contextlib.suppress(OSError):
                os.write(self._writer, GOODBYE)
            os.close(self._writer)

    @property
    def lost(self) -> bool:
        """Whether the lock was lost because the connection or the host is gone."""
        return self._ended.is_set() and not self._stopping.is_set()

    def _hold(self) -> None:
        claim = self._claim
        arguments = ["--owner", claim.owner, "--what", claim.what, "--wait", str(self._wait)]
        arguments += ["--facts", "--python", claim.python, "--action", claim.action]
        if release := claim.releases.get(self._transport.name):
            arguments += ["--release", release]
        with os.fdopen(self._reader, "rb", buffering=0) as stream:
            try:
                self._transport.call(HOLD, *arguments, stream=stream, on_event=self._hear)
            except DeployKitError as error:
                self._failure = error
            finally:
                self._ended.set()
                self._held.set()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Held):
            self.facts = event.facts or self.facts
            self._held.set()
        elif isinstance(event, Activity):
            self._claim.show(f"{self._transport.name}: {event}")

    def _beat(self) -> None:
        while not self._stopping.wait(_HEARTBEAT):
            with contextlib.suppress(OSError):
                os.write(self._writer, b".\n")


@contextmanager
def held(
    transports: Mapping[str, Transport],
    claim: Claim,
    around: Callable[[str], contextlib.AbstractContextManager[None]],
) -> Iterator[dict[str, DeployLock]]:
    """Hold the locks of all hosts while the block runs; yield them by host.

    Each lock is acquired inside the context manager that ``around(host)`` returns. All are first
    tried at once, without waiting. If one is not free, all are released and then taken one after
    the other in the order of host names. That way one of two releases gets through, and they never
    wait for each other.
    """
    locks: dict[str, DeployLock] = {}
    try:
        if len(transports) > 1 and not _at_once(transports, claim, locks, around):
            _free(locks)
        end = time.monotonic() + claim.wait
        for host in sorted(set(transports) - set(locks)):
            with around(host):
                left = max(0.0, end - time.monotonic())
                locks[host] = _named(host, DeployLock(transports[host], claim, left))
        yield locks
    finally:
        _free(locks)


def _at_once(
    transports: Mapping[str, Transport],
    claim: Claim,
    locks: dict[str, DeployLock],
    around: Callable[[str], contextlib.AbstractContextManager[None]],
) -> bool:
    """Try to take all locks and put those taken into ``locks``; return whether all were.

    Raises :class:`Problems` if a host fails for another reason than a lock that is not free.
    """

    def take(transport: Transport) -> None:
        with around(transport.name):
            locks[transport.name] = DeployLock(transport, claim, 0.0).take()

    _, errors = each(transports, list(transports), take)
    bad = {host: error for host, error in errors.items() if error.exit_code != LOCKED}
    if bad:
        raise host_problems("nothing was changed; these hosts cannot be locked:", bad)
    return not errors


def _named(host: str, lock: DeployLock) -> DeployLock:
    try:
        return lock.take()
    except DeployKitError as error:
        raise DeployKitError(f"{host}: {error.message}", error.hint, error.exit_code) from None


def _free(locks: dict[str, DeployLock]) -> None:
    for lock in locks.values():
        lock.let_go()
    for lock in locks.values():
        lock.free()
    locks.clear()
