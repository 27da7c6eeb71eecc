"""What every transport has in common."""

from __future__ import annotations

import itertools

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError, lacking, read_answer
from django_deploykit.runtime.wire.facts import HOLD, HoldResult
from django_deploykit.runtime.wire.messages import Need


def test_lines_without_an_answer_are_no_answer() -> None:
    assert read_answer(HOLD, [b"Welcome\n", b"{}\n", b"5\n"], None) is None


def test_an_answer_that_does_not_fit_is_lost() -> None:
    with pytest.raises(LostError, match="the host's answer is not valid"):
        read_answer(HOLD, [b'{"result": {"nonsense": 1}}\n'], None)


def test_a_host_without_python_gets_a_hint() -> None:
    error = lacking(Need("python"))
    assert not isinstance(error, LostError)
    assert isinstance(error, DeployKitError)
    assert "apt-get install python3" in error.hint


def test_text_without_an_end_is_no_answer() -> None:
    with pytest.raises(LostError, match="other text than a verb's, without end"):
        read_answer(HOLD, itertools.repeat(b"welcome\n"), None)
    events = [b'{"event": "line", "line": "x"}\n'] * 100_000  # of a migration, say
    assert read_answer(HOLD, [*events, b'{"result": {"ended": "x"}}\n'], None) == HoldResult("x")
