"""The transport of the environment ``local``, which runs verbs as processes on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, BinaryIO, TypeVar, cast

from django_deploykit.conf.settings_module import CLASS_VARIABLE, MODULE_VARIABLE
from django_deploykit.release.runtime_archive import RuntimeArchive
from django_deploykit.release.transports.base import lacking
from django_deploykit.release.transports.channels import RunningVerbs
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Need

T = TypeVar("T")
_CLOSING = 2.0  # seconds


class Local:
    """A :class:`~.base.Transport` to this machine."""

    def __init__(self, root: Path, archive: RuntimeArchive, name: str = "local") -> None:
        self.root, self.name = root, name
        self._archive = archive
        self._scratch: str | None = None
        self._running = RunningVerbs(name)
        self.interrupt = self._running.interrupt

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Run a verb in its own session, so that Ctrl-C only reaches it by :meth:`interrupt`."""
        channel = _Process(self._command(verb.name, arguments))
        answer = self._running.run(channel, verb, stream, on_event)
        if isinstance(answer, Need):
            raise lacking(answer)
        return answer

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal."""
        return subprocess.call(self._command(verb, arguments), env=environment(os.environ))

    def open(self) -> None:
        """Do nothing, as there is no connection."""

    def close(self) -> None:
        """Remove the runtime if it is in a temporary folder."""
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _command(self, verb: str, arguments: Sequence[str]) -> list[str]:
        folder = self.root / "runtime"
        if not self.root.is_dir():  # a plan must not create the folder
            self._scratch = self._scratch or tempfile.mkdtemp(prefix="deploykit-")
            folder = Path(self._scratch)
        python = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
        # The runtime does not need site-packages, and starts faster without them.
        program = [python, "-I", "-S", str(self._archive.write(folder))]
        return [*program, verb, "--root", str(self.root), *arguments]


class _Process:
    """A process with the methods of a channel."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(os.environ),
            start_new_session=True,
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._stderr = cast("IO[bytes]", self._process.stderr)
        self._drained = threading.Event()

    def sendall(self, data: bytes) -> None:
        self._stdin.write(data)
        self._stdin.flush()

    def shutdown_write(self) -> None:
        self._stdin.close()

    def makefile(self, _: str) -> IO[bytes]:
        return self._stdout

    def recv_stderr(self, size: int) -> bytes:
        data = os.read(self._stderr.fileno(), size)
        if not data:
            self._drained.set()
        return data

    def recv_exit_status(self) -> int:
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stdin.close()
        self._stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSING)
        self._drained.wait(_CLOSING)
        self._stderr.close()


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return ``env`` without the variables that choose the settings, because a release has its own.

    ``manage.py`` sets the developer's settings, and a release would keep them.
    """
    return {
        key: value for key, value in env.items() if key not in (MODULE_VARIABLE, CLASS_VARIABLE)
    }
