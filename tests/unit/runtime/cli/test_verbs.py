"""Host verbs as they are called: who reads what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.cli.verbs import main


@pytest.fixture(autouse=True)
def silent_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give verbs a standard input that they can hear interrupts through."""
    with open(os.devnull, encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        yield


@pytest.mark.parametrize("argv", [["log"], ["exec", "--", "check"], ["site", "nginx"]])
def test_errors_of_verbs_that_print_text_stay_out_of_it(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *more = argv
    assert main([verb, "--root", str(tmp_path), *more], tmp_path / "x.pyz") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {tmp_path}/site.json is missing: this host is not set up")
    assert "for the environment local, `manage.py release` does" in err


def test_errors_of_other_verbs_are_objects_for_programs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--root", str(tmp_path)], tmp_path / "x.pyz") == 1
    error = json.loads(capfd.readouterr().out)["error"]
    assert error["message"].endswith("this host is not set up for the project")
