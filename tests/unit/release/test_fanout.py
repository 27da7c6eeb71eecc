"""The same work on several hosts: together, all errors, and Ctrl-C that waits for every end."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.fanout import Interruption, each
from django_deploykit.release.transports.base import Transport
from tests.unit.release.fakes import FakeTransport, Host


def transports(*names: str) -> dict[str, Transport]:
    return {name: FakeTransport(Host(name=name)) for name in names}


def test_hosts_work_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=60)
    done, errors = each(transports("a", "b", "c"), ["a", "b", "c"], lambda _: together.wait())
    assert (sorted(done.values()), errors) == ([0, 1, 2], {})


def test_one_that_fails_leaves_the_others_to_finish() -> None:
    def work(one: Transport) -> str:
        if one.name == "b":
            raise DeployKitError("broken")
        return one.name

    done, errors = each(transports("a", "b", "c"), ["a", "b", "c"], work)
    assert done == {"a": "a", "c": "c"}
    assert errors["b"].message == "broken"


def test_no_hosts_are_no_work() -> None:
    assert each({}, [], lambda one: one) == ({}, {})


def test_ctrl_c_reaches_every_host_and_waits_for_its_end() -> None:
    stopped = {name: threading.Event() for name in "ab"}
    begun = threading.Barrier(3, timeout=60)

    class Stoppable(FakeTransport):
        def interrupt(self) -> None:
            stopped[self.name].set()

    def work(one: Transport) -> str:
        begun.wait()
        assert stopped[one.name].wait(60)
        if one.name == "b":
            raise DeployKitError("taken back", "", 4)
        return "finished"

    def press() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(Interruption) as caught:
        each({name: Stoppable(Host(name=name)) for name in "ab"}, ["a", "b"], work)
    presser.join()
    assert caught.value.done == {"a": "finished"}
    assert caught.value.exit_code == 130
    assert "b: taken back" in caught.value.message


@pytest.mark.parametrize(("codes", "code"), [((130, 5), 5), ((130, 4), 130), ((), 130)])
def test_an_interruption_that_left_something_half_done_says_so(
    codes: tuple[int, ...], code: int
) -> None:
    errors = {str(one): DeployKitError("interrupted", "", one) for one in codes}
    assert Interruption({}, errors).exit_code == code


def test_ctrl_c_is_told_again_to_what_was_about_to_start_when_it_came() -> None:
    begun, stopped = threading.Event(), threading.Event()

    class Late(FakeTransport):
        def interrupt(self) -> None:
            self.interrupts += 1
            if self.interrupts == 2:  # the first finds nothing that runs
                stopped.set()

    def work(one: Transport) -> bool:
        begun.set()
        return stopped.wait(60)

    def press() -> None:
        begun.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(Interruption) as caught:
        each({"a": Late(Host(name="a"))}, ["a"], work)
    presser.join()
    assert caught.value.done == {"a": True}
