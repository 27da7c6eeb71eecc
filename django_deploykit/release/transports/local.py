"""The transport of the built-in environment ``local``: verbs as processes of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.runtime_archive import RuntimeArchive
from django_deploykit.release.transports.base import LostError, read_answer
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Need
from django_deploykit.runtime.wire.reader import iter_lines

T = TypeVar("T")


class Local:
    """A :class:`~.transport.Transport` to this machine."""

    def __init__(self, root: Path, archive: RuntimeArchive, name: str = "local") -> None:
        self.root = root
        self._name = name
        self._archive = archive
        self._scratch: str | None = None
        self._running: list[_Running] = []

    @property
    def name(self) -> str:
        """The environment's name."""
        return self._name

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Run a verb in a process group of its own: Ctrl-C reaches it through :meth:`interrupt`."""
        process = subprocess.Popen(
            [*self._program(), verb.name, "--root", str(self.root), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(os.environ),
            start_new_session=True,
        )
        running = _Running(verb.name, process)
        self._running.append(running)
        errors: list[bytes] = []
        helpers = [threading.Thread(target=_drain, args=(process, errors), daemon=True)]
        if stream is not None:
            helpers.append(threading.Thread(target=_feed, args=(running, stream), daemon=True))
        for helper in helpers:
            helper.start()
        try:
            return self._outcome(verb, process, on_event, errors, helpers[0])
        finally:
            self._running.remove(running)
            helpers[0].join(2)
            for pipe in (process.stdout, process.stderr, process.stdin):
                with contextlib.suppress(OSError, ValueError):
                    assert pipe is not None
                    pipe.close()

    def _outcome(
        self,
        verb: Call[T],
        process: subprocess.Popen[bytes],
        on_event: Callable[[Event], None] | None,
        errors: list[bytes],
        drain: threading.Thread,
    ) -> T:
        assert process.stdout is not None
        try:
            answer = read_answer(verb, iter_lines(process.stdout.readline), on_event)
        except LostError:
            raise
        except DeployKitError:
            process.wait()
            raise
        process.wait()
        if answer is None or isinstance(answer, Need):
            drain.join(2)
            text = b"".join(errors).decode("utf-8", "replace").strip()
            raise LostError(f"{self.name}: the verb ended with {process.returncode}", text[-2000:])
        return answer

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal."""
        return subprocess.call(
            [*self._program(), verb, "--root", str(self.root), *arguments],
            env=environment(os.environ),
        )

    def interrupt(self) -> None:
        """Tell the verbs that run to take back what they do; the lock is held until they have."""
        for running in list(self._running):
            running.stopped.set()
            if running.verb in ("hold", "receive", "prepare"):
                continue  # standard input is their own: it ends, or the lock's holder closes it
            with contextlib.suppress(OSError, ValueError):
                assert running.process.stdin is not None
                running.process.stdin.write(b"interrupt\n")
                running.process.stdin.flush()

    def open(self) -> None:
        """There is nothing to connect to."""

    def close(self) -> None:
        """Remove the runtime where it was kept in a private folder."""
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _program(self) -> list[str]:
        folder = self.root / "runtime"
        if not self.root.is_dir():  # a plan writes nothing there
            self._scratch = self._scratch or tempfile.mkdtemp(prefix="deploykit-")
            folder = Path(self._scratch)
        python = getattr(sys, "_base_executable", "") or sys.executable
        # The runtime needs nothing of the machine's site-packages, and starts faster without them.
        return [os.path.realpath(python), "-I", "-S", str(self._archive.write(folder))]


@dataclass
class _Running:
    """A verb that runs now."""

    verb: str
    process: subprocess.Popen[bytes]
    stopped: threading.Event = field(default_factory=threading.Event)


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what a release sees of the caller's environment: the settings module is the release's own.

    ``manage.py`` sets a developer's, and what is set already wins in a release.
    """
    return {key: value for key, value in env.items() if key != "DJANGO_SETTINGS_MODULE"}


def _drain(process: subprocess.Popen[bytes], errors: list[bytes]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        errors.append(line)
        del errors[:-200]


def _feed(running: _Running, stream: BinaryIO) -> None:
    process = running.process
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError):
        while piece := stream.read(1 << 16):
            if running.verb == "receive" and running.stopped.is_set():
                break
            process.stdin.write(piece)
            process.stdin.flush()
    with contextlib.suppress(OSError, ValueError):
        process.stdin.close()
