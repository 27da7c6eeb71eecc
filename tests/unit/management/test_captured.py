"""Standard output of a command, children included, as a text."""

from __future__ import annotations

import os
import subprocess

import pytest

from django_deploykit.management.captured import captured


def test_takes_what_children_write_and_gives_the_stream_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, text = captured(lambda: subprocess.call(["sh", "-c", "echo inside; exit 3"]))
    os.write(1, b"outside\n")
    assert (code, text) == (3, "inside\n")
    assert capfd.readouterr().out == "outside\n"


def test_gives_the_stream_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        os.write(1, b"inside\n")
        raise ValueError

    with pytest.raises(ValueError):
        captured(work)
    os.write(1, b"outside\n")
    assert capfd.readouterr().out == "outside\n"
