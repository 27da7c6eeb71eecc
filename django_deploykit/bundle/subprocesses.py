"""Running a program, and stopping it with all of its child processes if we are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from django_deploykit.bundle.scratch import uninterrupted

_GRACE = 2.0  # seconds between SIGTERM and SIGKILL


class Stopper:
    """Ends a program that another thread runs, now or as soon as it starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Remember the program that runs now."""
        with self._lock:
            self._process = process
        if self._stopped:
            self.stop()

    def stop(self) -> None:
        """Kill the program and its child processes."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process and process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def run_program(
    command: Sequence[str] | str,
    folder: Path,
    env: Mapping[str, str],
    *,
    merge: bool = False,
    timeout: float | None = None,
    stopper: Stopper | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command without input and return the completed process with its output.

    A string is run by the shell. With ``merge``, the output includes standard error. The command
    runs in its own session, and all of that session is stopped if we are interrupted, or after
    ``timeout`` seconds, which raises :class:`subprocess.TimeoutExpired`. ``stopper`` can end it.
    """
    process: subprocess.Popen[str] | None = None
    try:
        with uninterrupted():
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
        if stopper:
            stopper.watch(process)
        out, errors = process.communicate(timeout=timeout)
    except BaseException:
        if process:
            _end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors or "")


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
