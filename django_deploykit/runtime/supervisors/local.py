"""The supervisor of the built-in environment ``local``: plain processes under a small daemon."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from ..base.documents import Document
from ..base.errors import DeployKitError
from ..base.names import valid_digest
from ..base.processes import CommandLine
from ..base.site import Site, live_release
from ..wire.logs import LogPage, LogRequest
from . import local_commands, local_daemon
from .base import ProcessError, Running, RunningCommand, has_died
from .log_files import read_files
from .process_log import last_lines, process_error

_POLL = 0.05  # seconds
# Seconds that a process without a socket must run to count as up; the switch probes web over HTTP.
_WORKER_TRIAL = 1.0


class LocalSupervisor:
    """A :class:`~.base.Supervisor` that starts its daemon when it is first needed."""

    def __init__(
        self, site: Site, program: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``program`` is the command that runs verbs of the runtime; it starts the daemon.

        ``clock`` measures how long started processes have run.
        """
        self.site = site
        self.program = list(program)
        self.clock = clock
        self.folder = local_daemon.run_folder(site.root)
        self._begun: Dict[Tuple[str, str], str] = {}  # cursors of logs when it started instances

    def instances(self) -> List[Running]:
        return [_running(one) for one in self._list()]

    def start(self, release: str, processes: Sequence[str]) -> None:
        local_daemon.process_environment(self.site)  # raises if the configuration is not valid
        self._start_daemon()
        before = self.instances()
        for name in processes:
            self._begun[release, name] = self.logs(LogRequest((name,), release, 1)).cursor
        self._demand({"verb": "start", "release": release, "processes": list(processes)})
        if processes:
            self._wait_until_up(release, processes, before)

    def stop(self, release: str, processes: Sequence[str]) -> List[str]:
        if self._ask({"verb": "stop", "release": release, "processes": list(processes)}) is None:
            return []
        end = time.monotonic() + self.site.drain + 10
        while time.monotonic() < end:
            reply = self._ask({"verb": "list"}) or {"instances": [], "killed": []}
            left = [
                one
                for one in reply["instances"]
                if one["release"] == release and one["process"] in processes
            ]
            if not left:
                self._end_if_idle()
                return [name for name in processes if [release, name] in reply["killed"]]
            time.sleep(_POLL)
        raise ProcessError(f"{release} did not end within {self.site.drain:.0f} s")

    def enable(self, release: str, processes: Sequence[str]) -> None:
        """Do nothing: ``local`` starts with the next release, not at boot."""

    def probe_address(self, release: str) -> str:
        return str(local_daemon.probe_path(self.folder, release))

    def logs(self, request: LogRequest) -> LogPage:
        if request.since is not None:
            raise DeployKitError(
                "the logs of local have no times", "Use --lines, or --grep, instead of --since."
            )
        release = request.release or live_release(self.site) or ""
        return read_files(
            request, release, lambda process: local_daemon.log_path(self.site, release, process)
        )

    def begun(self, release: str, process: str) -> str:
        return self._begun.get((release, process), "")

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> CommandLine:
        site = self.site
        full = {**local_daemon.process_environment(site), **env}
        path, held = local_commands.record(self.folder, release, argv)
        script = site.releases / release / "bin" / site.app
        words = [*local_commands.WRAPPER, str(path), str(script), *argv]
        return CommandLine(words, full, site.releases / release / "app", inherit=(held,))

    def commands(self) -> List[RunningCommand]:
        return local_commands.running(self.folder)

    def cancel(self, command: str) -> None:
        local_commands.end(self.folder, command, self.site.drain)

    def end(self) -> bool:
        """Stop every instance and the daemon; return False if the daemon did not run."""
        if self._ask({"verb": "end"}) is None:
            return False
        end = time.monotonic() + self.site.drain + 10
        while time.monotonic() < end and self._ask({"verb": "list"}) is not None:
            time.sleep(_POLL)
        return True

    def _end_if_idle(self) -> None:
        """End the daemon if nothing is live, so that visitors are refused and do not wait."""
        if live_release(self.site) is None and not self._list():
            self.end()

    def _wait_until_up(
        self, release: str, processes: Sequence[str], before: Sequence[Running]
    ) -> None:
        """Wait until all instances have run for a while together; a web instance is probed later."""
        trial = _WORKER_TRIAL if any(process != "web" for process in processes) else 0.0
        begun = self.clock()
        while self.clock() < begun + self.site.boot:
            there = {one["process"]: one for one in self._list() if one["release"] == release}
            for process in processes:
                row = there.get(process)
                if row is None or has_died(_running(row), before):
                    raise self._failure(release, process, row["exit"] if row else None)
            if self.clock() > begun + trial:
                return
            time.sleep(_POLL)
        raise process_error(
            f"{processes[0]} of {release} did not start within {self.site.boot:.0f} s",
            last_lines(self, release, processes[0]),
        )

    def _failure(self, release: str, process: str, status: Optional[int]) -> ProcessError:
        how = "ended" if status is None else exit_text(status)
        return process_error(
            f"{process} of {release} {how} while it was started",
            last_lines(self, release, process),
        )

    def _list(self) -> List[Document]:
        reply = self._ask({"verb": "list"})
        return [] if reply is None else list(reply["instances"])

    def _demand(self, request: Document) -> None:
        reply = self._ask(request)
        if reply is None or "error" in reply:
            raise ProcessError(
                f"the daemon of {self.site.app} refused: {(reply or {}).get('error', 'it does not run')}"
            )

    def _ask(self, request: Document) -> Optional[Document]:
        """Send a request to the daemon and return its reply, or None if the daemon does not run."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            try:
                sock.connect(str(self.folder / "control.sock"))
                sock.sendall(json.dumps(request).encode("utf-8") + b"\n")
                with sock.makefile("rb") as answer:
                    line = answer.readline()
                return dict(json.loads(line)) if line else None
            except (ConnectionError, FileNotFoundError):
                return None
            except OSError as error:
                raise ProcessError(
                    f"the daemon of {self.site.app} does not answer: {error}"
                ) from None

    def _start_daemon(self) -> None:
        """Start the daemon if it does not run. It prints one line, then detaches its output."""
        if self._ask({"verb": "list"}) is not None:
            return
        (self.site.root / "log").mkdir(parents=True, exist_ok=True)
        # The shell exits at once. The daemon outlives this process, which then need not reap it.
        command = [*self.program, "local-daemon", "--root", str(self.site.root)]
        done = subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=local_daemon.passed_environment(os.environ),
        )
        try:
            answer = json.loads(done.stdout.splitlines()[0])
        except (ValueError, IndexError):
            raise ProcessError(f"the daemon of {self.site.app} did not start") from None
        if "error" in answer:
            raise DeployKitError(answer["error"], answer.get("hint", ""))


def _running(row: Document) -> Running:
    """Return an instance of the daemon's list."""
    active = bool(row["pid"]) and not row["stopping"]
    return Running(row["release"], row["process"], active, row["restarts"], row["pid"])


def exit_text(status: int) -> str:
    """Describe how a process ended, given waitpid's status."""
    if os.WIFSIGNALED(status):
        return f"was killed by signal {os.WTERMSIG(status)}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"


def program_of(path: Path) -> List[str]:
    """Return the command that runs verbs of this process's runtime."""
    base = [os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)]
    # A runtime archive, named by its digest, takes a verb directly; a bundle after `deploykit`.
    return [*base, str(path)] if valid_digest(path.stem) else [*base, str(path), "deploykit"]
