"""Child processes that end with us: what they started ends too, whatever interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_GRACE = 2.0  # seconds between asking and killing


def run_child(
    command: Sequence[str] | str, folder: Path, env: Mapping[str, str], *, merge: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command without input, a string by the shell, and return what it said; ``merge`` puts
    its errors among its output.

    It gets a session of its own: when we are interrupted, its whole family is ended.
    """
    process = subprocess.Popen(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        umask=0o022,
    )
    try:
        out, errors = process.communicate()
    except BaseException:
        _end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors or "")


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
