"""Running the commands of a release and reading what they print."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Command:
    """How a command of a release is run; ``cancel`` ends what a signal to its process does not reach."""

    argv: Sequence[str]
    env: Optional[Mapping[str, str]] = None
    cwd: Optional[Path] = None
    cancel: Callable[[], None] = lambda: None


def run(command: Command) -> int:
    """Run a command whose streams are this process's; returns its exit code."""
    process = subprocess.Popen(command.argv, env=command.env, cwd=command.cwd)
    try:
        return process.wait()
    except KeyboardInterrupt:
        command.cancel()
        process.wait()
        raise


def capture(
    command: Command, on_line: Optional[Callable[[str], None]] = None
) -> Tuple[int, str, str]:
    """Run a command; return its exit code, standard output and the last of its standard error."""
    process = subprocess.Popen(
        command.argv,
        env=command.env,
        cwd=command.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    errors: List[str] = []

    def drain(source: Any) -> None:
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
        with suppress(OSError):  # the process may be root's
            process.send_signal(signal.SIGINT)
        command.cancel()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    reader.join(5)
    return code, "".join(out), "\n".join(errors)
