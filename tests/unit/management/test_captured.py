"""What a command prints, children included, as text."""

from __future__ import annotations

import os
import subprocess

import pytest

from django_deploykit.management.captured import Captured, captured


def test_takes_what_children_write_and_gives_the_stream_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = "echo inside; echo 'no such command' >&2; exit 3"
    done = captured(lambda: subprocess.call(["sh", "-c", script]))
    os.write(1, b"outside\n")
    assert done == Captured(3, "inside\n", "no such command\n")
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("outside\n", "no such command\n")


def test_gives_the_stream_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        os.write(1, b"inside\n")
        raise ValueError

    with pytest.raises(ValueError):
        captured(work)
    os.write(1, b"outside\n")
    assert capfd.readouterr().out == "outside\n"
