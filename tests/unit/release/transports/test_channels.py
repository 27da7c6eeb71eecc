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
from django_deploykit.release.transports.limits import Limits
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import FACTS, HOLD
from django_deploykit.runtime.wire.messages import Need
from django_deploykit.runtime.wire.releasing import RECEIVE, SETTLE, SWITCH

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


class Hostile(Wire):
    """A host that never ends a verb: its streams end when the channel is closed."""

    def __init__(self, *, said: bytes = b"", errors: bytes = b"") -> None:
        super().__init__([])
        self.said, self.flood = said, errors
        self.cut = threading.Event()

    def _more(self, said: bytes) -> bytes:
        if not said:
            assert self.cut.wait(60)
        return b"" if self.cut.is_set() else said

    def readline(self, _: int) -> bytes:
        return self._more(self.said)

    def recv_stderr(self, _: int) -> bytes:
        return self._more(self.flood)

    def recv_exit_status(self) -> int:
        assert self.cut.wait(60)
        return -1

    def close(self) -> None:
        super().close()
        self.cut.set()


EVENT = b'{"event": "activity", "what": "boot"}\n'


@pytest.mark.parametrize(
    ("wire", "limits", "message"),
    [
        (Hostile(), Limits(quiet=0.1), "it fell silent for 0.1 s"),
        (Hostile(errors=b"x" * 100), Limits(errors=10_000), "it prints errors without end"),
        (Hostile(said=EVENT), Limits(events=10_000), "the host reports events without end"),
    ],
    ids=["silent", "errors", "events"],
)
def test_a_host_that_never_ends_a_verb_is_given_up(
    wire: Hostile, limits: Limits, message: str
) -> None:
    with pytest.raises(LostError) as caught:
        RunningVerbs("web1", limits).run(wire, HOLD)
    assert caught.value.message == message
    assert wire.closed


@pytest.mark.parametrize("before", [True, False], ids=["before", "afterwards"])
def test_after_ctrl_c_a_host_cannot_hold_a_long_verb(before: bool) -> None:
    verbs, wire = RunningVerbs("web1", Limits(interrupted=0.1)), Hostile(said=EVENT)
    begun = threading.Event()
    if not before:
        verbs.interrupt()  # the verb undoes something

    def interrupt() -> None:
        assert begun.wait(60)
        verbs.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(LostError) as caught:
        verbs.run(wire, SWITCH, on_event=lambda _: begun.set())
    thread.join(60)
    assert caught.value.message == "it did not end within 0.1 s after Ctrl-C"
    assert "continues" in caught.value.hint


def test_ctrl_c_does_not_release_the_deploy_lock() -> None:
    wire = Wire([HELD], waits=True)
    verbs = RunningVerbs("web1", Limits(interrupted=0.0))
    verbs.interrupt()
    threading.Timer(0.2, wire.shutdown_write).start()
    assert getattr(verbs.run(wire, HOLD), "ended", "") == "released"


@pytest.mark.parametrize("said", [b"", EVENT], ids=["silent", "busy"])
def test_a_quick_verb_has_a_limit_though_its_host_is_heard(said: bytes) -> None:
    wire, verb = Hostile(said=said), Call("facts", FACTS.answer, 0.2)
    with pytest.raises(LostError) as caught:
        RunningVerbs("web1", Limits()).run(wire, verb)
    assert caught.value.message == "it did not answer within 0.2 s"
    assert caught.value.hint.startswith("Log in to the host and see what it does.")


def test_an_answer_counts_though_the_command_does_not_end() -> None:
    class Answers(Hostile):
        def readline(self, size: int) -> bytes:
            return self.lines.pop() if self.lines else super().readline(size)

    wire = Answers()
    wire.lines = [HELD]
    answer = RunningVerbs("web1", Limits(ending=0.1)).run(wire, HOLD)
    assert getattr(answer, "ended", "") == "released"
    assert wire.closed


def test_a_verb_on_this_machine_has_no_limits(verbs: RunningVerbs) -> None:
    wire = Wire([HELD], errors=b"x" * (1 << 21))
    assert getattr(verbs.run(wire, Call("hold", HOLD.answer, 1e-9)), "ended", "") == "released"


def test_an_interruption_does_not_wait_for_a_host_that_does_not_read(verbs: RunningVerbs) -> None:
    class Full(Hostile):
        def sendall(self, data: bytes) -> None:
            super().sendall(data)
            assert self.cut.wait(60)

    wire = Full()

    def run() -> None:
        with pytest.raises(LostError):
            verbs.run(wire, SETTLE)

    thread = threading.Thread(target=run)
    thread.start()
    while wire.taken.empty():
        verbs.interrupt()
    wire.cut.set()
    thread.join(60)
    assert wire.closed
