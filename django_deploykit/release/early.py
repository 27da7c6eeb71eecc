"""Logging in to servers while something else is done: a build waits for other processes anyway."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transport import Transport


class Early:
    """Transports that are made, and opened, by threads of their own from now on."""

    def __init__(self, make: Callable[[], Sequence[Transport]]) -> None:
        self._made: Sequence[Transport] = ()
        self._error: Exception | None = None
        self._ready = threading.Event()
        self._make = make
        _start(self._run)

    def transports(self) -> Sequence[Transport]:
        """Return them; the first verb on one waits until it is open.

        What went wrong in making them is raised here; in opening one, by its first verb.
        """
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self._made

    def leave(self) -> None:
        """Close what is open, without waiting for it: a server may take its time to let anybody in."""
        self._ready.wait()
        for one in self._made:
            _start(_quietly(one.close))

    def _run(self) -> None:
        try:
            self._made = self._make()
        except Exception as error:  # noqa: BLE001 - raised where they are asked for
            self._error = error
        self._ready.set()
        for one in self._made:
            _start(_quietly(one.open))


def _quietly(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with contextlib.suppress(DeployKitError, OSError):
            work()

    return run


def _start(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()
