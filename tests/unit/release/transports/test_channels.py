"""Verbs at work: input, events, answers, errors and interruptions, over a channel of the test's own."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterable

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.channels import RunningVerbs
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import HOLD
from django_deploykit.runtime.wire.messages import Need
from django_deploykit.runtime.wire.releasing import RECEIVE, SETTLE

HELD = b'{"result": {"ended": "released"}}\n'


class Wire:
    """A channel whose host prints ``lines``, and waits for the end of its input first if it is asked to."""

    def __init__(
        self, lines: Iterable[bytes], code: int = 0, errors: bytes = b"", *, waits: bool = False
    ) -> None:
        self.lines, self.code, self.errors = list(lines), code, [errors]
        self.taken: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.ended = threading.Event()
        self.closed = False
        if not waits:
            self.ended.set()

    def sendall(self, data: bytes) -> None:
        self.taken.put(data)

    def shutdown_write(self) -> None:
        self.ended.set()

    def makefile(self, _: str) -> Wire:
        return self

    def readline(self, _: int) -> bytes:
        assert self.ended.wait(60)
        return self.lines.pop(0) if self.lines else b""

    def recv_stderr(self, _: int) -> bytes:
        return self.errors.pop() if self.errors else b""

    def recv_exit_status(self) -> int:
        return self.code

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def verbs() -> RunningVerbs:
    return RunningVerbs("web1")


def test_events_come_before_the_answer_and_other_lines_are_passed_over(verbs: RunningVerbs) -> None:
    events: list[Event] = []
    wire = Wire([b"\n", b"Welcome\n", b'{"event": "activity", "what": "boot"}\n', HELD, b"bye\n"])
    answer = verbs.run(wire, HOLD, None, events.append)
    assert getattr(answer, "ended", "") == "released"
    assert [str(one) for one in events] == ["boot"]
    assert wire.closed
    assert wire.lines == []  # the command ended by itself


def test_a_verb_s_error_is_raised(verbs: RunningVerbs) -> None:
    failure = b'{"error": {"message": "no", "hint": "Do this.", "exit_code": 3}}\n'
    with pytest.raises(DeployKitError) as caught:
        verbs.run(Wire([failure]), HOLD)
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (
        "no",
        "Do this.",
        3,
    )


def test_what_the_host_lacks_is_an_answer(verbs: RunningVerbs) -> None:
    assert verbs.run(Wire([b'{"need": "runtime"}\n']), HOLD) == Need("runtime")


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (2, "the verb ended with 2", "Traceback"),
        (-1, "the connection was lost", "Work already started on the host continues."),
    ],
)
def test_a_verb_without_an_answer_is_lost(
    verbs: RunningVerbs, code: int, message: str, hint: str
) -> None:
    with pytest.raises(LostError) as caught:
        verbs.run(Wire([], code, b"Traceback\n"), HOLD)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_stream_becomes_its_input(verbs: RunningVerbs) -> None:
    wire = Wire([HELD], waits=True)
    verbs.run(wire, HOLD, io.BytesIO(b"data"))
    assert wire.taken.get(timeout=60) == b"data"


@pytest.mark.parametrize(("verb", "heard"), [(SETTLE, True), (HOLD, False), (RECEIVE, False)])
def test_an_interruption_reaches_verbs_that_listen(
    verbs: RunningVerbs, verb: Call[object], heard: bool
) -> None:
    wire, begun = Wire([b'{"need": "end"}\n'], waits=True), threading.Event()
    opened = wire.makefile

    def makefile(mode: str) -> Wire:
        begun.set()
        return opened(mode)

    wire.makefile = makefile  # type: ignore[method-assign, assignment]
    thread = threading.Thread(target=verbs.run, args=(wire, verb))
    thread.start()
    assert begun.wait(60)
    verbs.interrupt()
    assert (not wire.taken.empty()) is heard
    if heard:
        assert wire.taken.get() == b"interrupt\n"
    # What is being sent is cut off; the others go on until they end by themselves.
    assert wire.ended.is_set() is (verb is RECEIVE)
    wire.shutdown_write()
    thread.join(60)
    assert wire.closed
