"""Fixtures that boot real hosts; skipped with the reason where that cannot be, never in CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.lab.hosts import Host
from tests.lab.images import why_not

BootHost = Callable[..., Host]


@pytest.fixture(scope="session")
def lab() -> None:
    """Skip where hosts cannot be booted; in CI that fails."""
    reason = why_not()
    if reason and os.environ.get("CI"):
        pytest.fail(f"{reason}; CI never skips the lab")
    if reason:
        pytest.skip(reason)


def _boot() -> Iterator[BootHost]:
    hosts: list[Host] = []

    def boot(suite: str = "bookworm", extra: tuple[str, ...] = ()) -> Host:
        hosts.append(Host(suite, extra))
        return hosts[-1]

    yield boot
    for host in hosts:
        host.close()


@pytest.fixture
def boot_host(lab: None) -> Iterator[BootHost]:
    """Return ``boot(suite="bookworm")``; its hosts are cleared away after the test."""
    yield from _boot()


@pytest.fixture(scope="module")
def boot_module_host(lab: None) -> Iterator[BootHost]:
    """As ``boot_host``, for hosts that a module's tests share."""
    yield from _boot()
