"""Splitting commands without a shell gives what a shell gives, or nothing."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_deploykit.runtime.base.words import split_simple

ENVIRON = {"A": "x", "EMPTY": "", "BLANKS": "a b", "STAR": "*"}
_PIECES = [
    *("a", "b.c", "'q  r'", '"d $A"', r'"\$A \n"', "$A", "$EMPTY", "${A}", "${NONE:-z}", "X=1"),
    *("${EMPTY-z}", "${EMPTY:-y}", " ", "  ", "\\ ", "Y=$A", "$BLANKS", '"$BLANKS"', "=", "''"),
    *("$STAR", '"$STAR"', "|", "*", "~", "#c", "Z='p q'", "$(x)", "\\'", ">f", ";", "{a,b}"),
]


def by_shell(command: str) -> list[str]:
    script = f"program() {{ for one; do printf '%s\\0' \"$one\"; done; }}; {command}"
    done = subprocess.run(["sh", "-c", script], env=ENVIRON, capture_output=True, text=True)
    return done.stdout.split("\0")[:-1]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=7).map("".join))
def test_words_are_those_of_a_shell(rest: str) -> None:
    found = split_simple(f"program {rest}", ENVIRON)
    if found is not None:
        assert found.words[1:] == by_shell(f"program {rest}")


def test_assignments_are_for_the_program() -> None:
    found = split_simple("A=1 B='2 3' exec celery -A shop worker", ENVIRON)
    assert found is not None
    assert found.variables == {"A": "1", "B": "2 3"}
    assert found.words == ["celery", "-A", "shop", "worker"]


@pytest.mark.parametrize(
    "command",
    [
        "yes | head",
        "a && b",
        "a > f",
        "cd x",
        "echo $(date)",
        "echo *",
        "echo ~",
        "A=1",
        "",
        "exec -a x y",
        "echo $1",
        "echo ${A#x}",
        'echo "$(date)"',
        "if a",
        "echo $BLANKS",
        "a\nb",
    ],
)
def test_only_a_shell_runs_others(command: str) -> None:
    assert split_simple(command, ENVIRON) is None
