"""What a verb prints for programs and for people."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.wire.events import Activity, Arriving, OutputLine
from django_deploykit.runtime.wire.operating import EndResult
from django_deploykit.runtime.wire.releasing import PruneResult
from django_deploykit.runtime.wire.voice import Voice


def test_a_program_gets_an_object_on_each_line(capfd: pytest.CaptureFixture[str]) -> None:
    voice = Voice(person=False)
    voice.emit(Activity("start", "web"))
    voice.result(PruneResult(("a",), ("b",), 1))
    voice.error(DeployKitError("it failed", "Try again.", 4))
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"event": "activity", "what": "start", "of": "web"},
        {"result": {"removed": ["a"], "kept": ["b"], "layers": 1}},
        {"error": {"message": "it failed", "hint": "Try again.", "exit_code": 4}},
    ]


def test_a_person_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(person=True)
    voice.emit(Activity("start", "web"))
    voice.emit(Arriving(100, "ab"))
    voice.emit(OutputLine("Applying shop.0001_initial"))
    voice.result(EndResult(ended=True))
    voice.error(DeployKitError("it failed", "Try again."))
    out, err = capsys.readouterr()
    assert out == "  start web\n    Applying shop.0001_initial\nended: True\n"
    assert err == "error: it failed\nTry again.\n"


def test_foreign_text_moves_no_cursor_of_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(person=True)
    voice.emit(OutputLine("\x1b[2Jgone"))
    voice.error(DeployKitError("\x1b[2J"))
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err


def test_a_caller_that_does_not_read_holds_nothing_up() -> None:
    code = """
import sys
from django_deploykit.runtime.wire import voice
from django_deploykit.runtime.wire.events import OutputLine
voice.SILENCE = 0.05
speaker = voice.Voice(person=False)
for _ in range(3000):
    speaker.emit(OutputLine("x" * 100))
print("done", file=sys.stderr)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"done\n"
        process.communicate()
