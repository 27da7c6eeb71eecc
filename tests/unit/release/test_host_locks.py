"""Deploy locks of several hosts."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.release.host_locks import Claim, DeployLock, held
from django_deploykit.release.transports.base import LostError
from django_deploykit.runtime.base.errors import LOCKED
from django_deploykit.runtime.wire.events import Activity
from tests.unit.release.fakes import BEFORE, OLD, FakeTransport, Host

CLAIM = Claim("ann@laptop", "releasing")


def transports(*hosts: Host) -> dict[str, FakeTransport]:
    return {host.name: FakeTransport(host) for host in hosts}


def no_span(_: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def test_all_hosts_are_locked_while_the_block_runs_and_their_facts_are_there() -> None:
    hosts = [Host(name="web1"), Host(name="web2")]
    with held(transports(*hosts), CLAIM, no_span) as locks:
        assert [host.locked_by for host in hosts] == ["ann@laptop"] * 2
        assert [locks[host.name].facts.live for host in hosts] == [OLD, OLD]
        assert not any(lock.lost for lock in locks.values())
    assert [host.locked_by for host in hosts] == ["", ""]


def test_a_lock_that_another_holds_refuses_and_frees_the_others() -> None:
    hosts = [Host(name="web1"), Host(name="web2", locked_by="bob")]
    with (
        pytest.raises(DeployKitError, match="web2: bob holds the lock") as caught,
        held(transports(*hosts), CLAIM, no_span),
    ):
        pass
    assert caught.value.exit_code == LOCKED
    assert [host.locked_by for host in hosts] == ["", "bob"]


def test_hosts_that_cannot_be_locked_for_another_reason_are_named() -> None:
    hosts = [Host(name="web1"), Host(name="web2", fails={"hold": [BEFORE]})]
    with (
        pytest.raises(Problems, match="web2: the connection"),
        held(transports(*hosts), CLAIM, no_span),
    ):
        pass
    assert hosts[0].locked_by == ""


def test_a_lock_whose_connection_broke_is_lost() -> None:
    opened = transports(Host(name="web1"))
    with held(opened, CLAIM, no_span) as locks:
        opened["web1"].lose_lock()
        assert locks["web1"].lost


class AliveForEver(FakeTransport):
    """A host that never says that it holds the lock, and ends with its input."""

    def call(self, verb: Any, *arguments: str, stream: Any = None, on_event: Any = None) -> Any:
        while stream.read(64):
            pass
        raise LostError("its input ended")


def test_a_host_that_never_holds_the_lock_is_given_up() -> None:
    lock = DeployLock(AliveForEver(Host(name="web1")), CLAIM, 0.0, patience=0.05)
    with pytest.raises(LostError, match="it did not take the deploy lock in time"):
        lock.take()


def test_what_a_host_waits_for_is_shown() -> None:
    shown: list[str] = []
    host = Host(name="web1", tells={"hold": [Activity("wait", "until `migrate` has ended")]})
    with held(transports(host), replace(CLAIM, show=shown.append), no_span):
        pass
    assert shown == ["web1: wait until `migrate` has ended"]
