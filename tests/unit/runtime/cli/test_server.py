"""Verbs in one process: each with streams of its own, and with a life of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until

# A verb is what its first word says.
SERVING = """
import os, sys, time
from django_deploykit.runtime.cli import server

server._HEARTBEAT = float(sys.argv[1])

def run(words):
    what, *more = words
    if what == "echo":
        print(sys.stdin.read().upper())
    elif what == "complain":
        print("out"); print("no newline", end="", file=sys.stderr)
        return 3
    elif what == "fall":
        raise RuntimeError("fell")
    elif what == "refuse":
        sys.exit("what is that?")
    elif what == "last":
        sys.stdin.read()
        while not os.path.exists(more[0]):
            time.sleep(0.01)
        os.rename(*more)
    return 0

sys.exit(server.serve(run))
"""


class Serving:
    """A process that serves, and what is said to it."""

    def __init__(self, heartbeat: float = 600.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVING, str(heartbeat)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.line() == "ready"

    def say(self, data: bytes = b"", **message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n" + data)
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def lines(self, ends: int = 1) -> list[str]:
        """Return lines up to the end of that many verbs."""
        found: list[str] = []
        while sum(line.startswith("x") for line in found) < ends:
            found.append(self.line())
            assert found[-1], found
        return found

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.fixture
def serving() -> Iterator[Serving]:
    made = Serving()
    yield made
    made.end()
    assert made.process.stdout is not None
    made.process.stdout.close()


def test_input_reaches_the_verb_that_it_is_for(serving: Serving) -> None:
    for number in (1, 2):
        serving.say(call=number, words=["echo"])
    serving.say(b"one\n", call=1, size=4)
    serving.say(b"t", call=2, size=1)
    serving.say(b"wo", call=2, size=2)
    for number in (1, 2):
        serving.say(call=number, end=True)
    assert sorted(serving.lines(2)) == ["o1 ", "o1 ONE", "o2 TWO", "x1 0", "x2 0"]


def test_input_may_come_in_any_pieces(serving: Serving) -> None:
    text = (
        b'{"call": 7, "words": ["echo"]}\n{"call": 7, "size": 4}\nab\n\n{"call": 7, "end": true}\n'
    )
    assert serving.process.stdin is not None
    for number in range(len(text)):
        serving.process.stdin.write(text[number : number + 1])
        serving.process.stdin.flush()
    assert serving.lines() == ["o7 AB", "o7 ", "o7 ", "x7 0"]


def test_errors_and_codes_are_told(serving: Serving) -> None:
    serving.say(call=1, words=["complain"])
    assert sorted(serving.lines()) == ["e1 no newline", "o1 out", "x1 3"]
    serving.say(call=2, words=["fall"])
    told = serving.lines()
    assert (told[0], told[-2:]) == (
        "e2 Traceback (most recent call last):",
        ["e2 RuntimeError: fell", "x2 1"],
    )
    serving.say(call=3, words=["refuse"])
    assert serving.lines() == ["e3 what is that?", "x3 1"]


def test_input_for_nobody_disturbs_nothing(serving: Serving) -> None:
    serving.say(b"abc", call=9, size=3)
    serving.say(call=9, end=True)
    serving.say(call=1, words=["complain"])
    assert serving.lines()[-1] == "x1 3"


def test_a_verb_goes_on_where_the_caller_is_gone(serving: Serving, tmp_path: Path) -> None:
    serving.say(call=1, words=["last", str(tmp_path / "go"), str(tmp_path / "gone")])
    assert serving.end() == 0
    (tmp_path / "go").touch()
    until((tmp_path / "gone").exists)


def test_a_verb_hears_the_end_though_another_began_after_it(
    serving: Serving, tmp_path: Path
) -> None:
    serving.say(call=1, words=["echo"])
    serving.say(call=2, words=["echo"])
    serving.say(call=1, end=True)
    assert serving.lines() == ["o1 ", "x1 0"]
    serving.say(call=2, end=True)
    assert serving.lines() == ["o2 ", "x2 0"]


def test_ends_with_the_caller(serving: Serving) -> None:
    assert serving.end() == 0


def test_says_that_it_is_alive_while_a_verb_runs(tmp_path: Path) -> None:
    serving = Serving(heartbeat=0.05)
    (tmp_path / "go").touch()
    serving.say(call=1, words=["last", str(tmp_path / "go"), str(tmp_path / "gone")])
    for _ in range(3):
        assert serving.line() == "alive"
        serving.say(b".", call=1, size=1)  # input from the caller does not delay it
    serving.say(call=1, end=True)
    assert serving.lines()[-1] == "x1 0"
    assert serving.end() == 0
    assert serving.process.stdout is not None
    serving.process.stdout.close()
