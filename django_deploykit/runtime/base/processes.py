"""Runs the commands of a release and reads their output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Callable, List, Mapping, Optional, Sequence, Tuple

from .lazy_dataclass import lazy_dataclass


@lazy_dataclass(frozen=True)
class CommandLine:
    """A command of a release, and how to end it.

    ``cancel`` ends what a signal to the process does not reach. ``inherit`` are descriptors that
    the process inherits; they are closed here as soon as it runs.
    """

    argv: Sequence[str]
    env: Optional[Mapping[str, str]] = None
    cwd: Optional[Path] = None
    cancel: Callable[[], object] = lambda: None
    inherit: Tuple[int, ...] = ()

    def start(self, **streams: Any) -> "subprocess.Popen[str]":
        """Start the process."""
        try:
            return subprocess.Popen(
                self.argv, env=self.env, cwd=self.cwd, pass_fds=self.inherit, **streams
            )
        finally:
            for fd in self.inherit:
                os.close(fd)


def run(command: CommandLine) -> int:
    """Run a command with this process's standard streams; return its exit code."""
    process = command.start()
    try:
        return process.wait()
    except KeyboardInterrupt:
        command.cancel()
        process.wait()
        raise


def capture(
    command: CommandLine, on_line: Optional[Callable[[str], None]] = None
) -> Tuple[int, str, str]:
    """Run a command; return its exit code, its standard output and the end of its standard error.

    ``on_line`` gets each line of both as soon as the command writes it.
    """
    process = command.start(
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    errors: List[str] = []

    def drain(source: IO[str]) -> None:
        for line in source:
            errors.append(line.rstrip("\n"))
            del errors[:-200]
            if on_line:
                on_line(line.rstrip("\n"))

    reader = threading.Thread(target=drain, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        out = []
        for line in process.stdout:
            out.append(line)
            if on_line:
                on_line(line.rstrip("\n"))
        code = process.wait()
    except BaseException:
        _interrupt(process, command)
        raise
    finally:
        reader.join(5)  # a child that outlives the command may keep its standard error open
        process.stdout.close()
        if not reader.is_alive():
            process.stderr.close()
    return code, "".join(out), "\n".join(errors)


def _interrupt(process: "subprocess.Popen[str]", command: CommandLine) -> None:
    """End a process as Ctrl-C does, or else kill it."""
    with suppress(OSError):  # root may own the process
        process.send_signal(signal.SIGINT)
    command.cancel()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
