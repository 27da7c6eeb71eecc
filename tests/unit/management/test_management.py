"""The function that manage.py takes from us."""

from __future__ import annotations

import sys

import pytest

from django_deploykit.management import execute_from_command_line


def test_it_takes_the_arguments_of_the_process_by_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "check", "--help"])
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: manage.py check")
