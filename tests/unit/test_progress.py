"""Progress that nobody watches."""

from __future__ import annotations

import pytest

from django_deploykit.progress import RUNS, Quiet


def test_quiet_shows_nothing_and_lets_errors_through(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Quiet()
    with quiet.step("send", ["web1"]):
        quiet.at("web1", "send", RUNS)
        quiet.advance(1, 2, "web1")
        quiet.note("a note")
    with pytest.raises(ZeroDivisionError), quiet.step("export"):
        raise ZeroDivisionError
    assert capsys.readouterr() == ("", "")
