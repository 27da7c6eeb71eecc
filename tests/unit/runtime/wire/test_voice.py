"""What a verb prints for programs and for people."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.wire.events import Activity, Arriving, OutputLine
from django_deploykit.runtime.wire.journal import JournalRecord
from django_deploykit.runtime.wire.operating import EndResult, HistoryResult, SetupResult
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
    assert out == "  start web\n    Applying shop.0001_initial\nended: yes\n"
    assert err == "error: it failed\nTry again.\n"


def test_a_person_reads_words_and_dates(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice(person=True)
    records = (JournalRecord("release", "ID", "live", "ann", time=1e9),)
    voice.result(HistoryResult(records))
    voice.result(PruneResult((), ("b" * 50, "c" * 50), 1))
    assert capsys.readouterr().out.splitlines() == [
        "records:",
        "  time=2001-09-09 01:46:40 UTC  action=release  release=ID  result=live  owner=ann",
        "kept:",
        f"  {'b' * 50}",
        f"  {'c' * 50}",
        "layers: 1",
    ]


def test_a_row_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    record = JournalRecord("release", "ID", "failed", "ann", why="refused:\n  - web1: no", time=1e9)
    Voice(person=True).result(HistoryResult((record,)))
    assert capsys.readouterr().out.splitlines()[1].endswith("  why=refused: - web1: no")


def test_only_a_person_reads_what_to_do_next(capfd: pytest.CaptureFixture[str]) -> None:
    for person in (True, False):
        Voice(person).result(EndResult(ended=True), "run \x1b[31mthis")
    assert capfd.readouterr().out.splitlines() == [
        "ended: yes",
        r"next: run \x1b[31mthis",
        '{"result": {"ended": true}}',
    ]


def test_a_person_does_not_read_a_plan_twice(capsys: pytest.CaptureFixture[str]) -> None:
    Voice(person=True).result(SetupResult(False, "deploy", "", "", ("write a file",)))
    assert capsys.readouterr().out == "changed: no\nuser: deploy\n"


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
