"""Lines that a verb prints, as its caller reads them."""

from __future__ import annotations

import json

import pytest

from django_deploykit.runtime.wire.events import Activity, HostWarning
from django_deploykit.runtime.wire.facts import FACTS, Held, HostFacts
from django_deploykit.runtime.wire.messages import Failure, Need, Result, read_message
from django_deploykit.runtime.wire.operating import END, EndResult
from django_deploykit.runtime.wire.reader import WireError, plain


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"result": {"ended": true}}\n', Result(EndResult(ended=True))),
        (b'{"error": {"message": "a", "exit_code": 3}}\n', Failure("a", "", 3)),
        (b'{"need": "runtime"}\n', Need("runtime")),
        (b'{"event": "warning", "text": "full"}\n', HostWarning("full")),
        (b'{"event": "activity", "what": "start"}\n', Activity("start")),
    ],
    ids=["result", "error", "need", "warning", "activity"],
)
def test_reads_what_a_verb_prints(line: bytes, message: object) -> None:
    assert read_message(END, line) == message


@pytest.mark.parametrize(
    "line", [b"", b"Last login: today\n", b"[1]\n", b"{}\n", b'{"a": 1}\n', b"[" * 100_000]
)
def test_lines_of_a_login_shell_are_no_messages(line: bytes) -> None:
    assert read_message(END, line) is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"result": {}}', "end.ended is missing"),
        (b'{"result": {"ended": "yes"}}', "end.ended must be true or false"),
        (b'{"error": "no"}', "end.error must be an object"),
        (b'{"event": "dance"}', "end has an unknown event"),
        (b'{"event": "warning", "text": 1}', "end.warning.text must be a string"),
    ],
)
def test_messages_that_do_not_fit_are_refused(line: bytes, problem: str) -> None:
    with pytest.raises(WireError) as caught:
        read_message(END, line)
    assert caught.value.message == problem


def test_a_failure_is_the_exception_that_it_was_on_the_host() -> None:
    error = Failure("it failed", "Try again.", 4).as_error()
    assert (error.message, error.hint, error.exit_code) == ("it failed", "Try again.", 4)


def test_facts_come_with_the_lock() -> None:
    held = Held(HostFacts(setup=True, layers=frozenset({"a", "b"}), live="x"))
    line = json.dumps({"event": held.name, **plain(held)}).encode()
    assert read_message(FACTS, line) == held


@pytest.mark.parametrize("code", [0, -1, 256, 512, 1 << 62])
def test_a_failure_is_never_a_success(code: int) -> None:
    """A shell sees the last eight bits of an exit code."""
    assert Failure("it failed", "", code).as_error().exit_code == 1
