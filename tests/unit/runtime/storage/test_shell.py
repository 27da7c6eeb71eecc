"""Which process a Procfile's line ends as, asked of the machine's own shell."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from django_deploykit.runtime.storage.shell import keeps_shell, shell_command

OWN = f"{shlex.quote(sys.executable)} -c 'import os; print(os.getpid())'"
ALONE = [
    OWN,
    f"exec {OWN}",
    f"{OWN} 2>/dev/null",
    f"{OWN} 2>&1",
    f"{OWN} $(echo 5)",
    f"{OWN} `echo 5`",
    f"{OWN} \";\" '|' \\&",
    f"A=1 {OWN}",
    f"A='x y' B=\"$A ; z\" {OWN}",
    f"A=$(echo 5) {OWN}",
    f"  A=1   exec {OWN}  ",
]
LED = [f"true && exec {OWN}", f"true; exec {OWN}", f"cd / && A='x y' exec {OWN} 2>&1"]
BEHIND = [
    f"true && {OWN}",
    f"true; {OWN}",
    f"false || {OWN}",
    f"true | {OWN}",
    f"true | exec {OWN}",
    f"({OWN})",
    f"if true; then {OWN}; fi",
    f"true && exec {OWN} | cat",
]


def started(line: str) -> tuple[int, int]:
    """Return the process that was started for a line, and the one that it says it is."""
    with subprocess.Popen(
        ["/bin/sh", "-c", shell_command(line), "sh"], stdout=subprocess.PIPE, text=True
    ) as process:
        out, _ = process.communicate(timeout=60)
    return process.pid, int(out.split()[0])


@pytest.mark.parametrize("line", [*ALONE, *LED])
def test_the_process_takes_the_place_of_the_shell(line: str) -> None:
    ours, its = started(line)
    assert ours == its
    assert not keeps_shell(line)


@pytest.mark.parametrize("line", BEHIND)
def test_a_shell_that_stays_is_known(line: str) -> None:
    assert keeps_shell(line)
    started(line)  # it still runs


def test_arguments_of_the_caller_come_behind_a_plain_line() -> None:
    text = shell_command("A=1 printf %s-")
    done = subprocess.run(["/bin/sh", "-c", text, "sh", "x", "y"], capture_output=True, text=True)
    assert done.stdout == "x-y-"
