"""The supervisor of the built-in environment ``local``: plain processes under a keeper."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from ..base.errors import DeployKitError
from ..base.names import valid_digest
from ..base.processes import Command
from ..base.site import Site, live_release
from . import local_daemon as keeping
from .base import LAST_LINES, ProcessError, Running

_STEP = 0.05
_WEB_PROOF = 0.0  # the switch then asks it over HTTP
_WORKER_PROOF = 1.0  # seconds that a process without a socket must live to count as up


class Plain:
    """A :class:`~.supervisor.Supervisor` whose keeper is started when it is first needed."""

    def __init__(self, site: Site, program: Sequence[str]) -> None:
        """``program`` is the command that runs verbs of the runtime, to start a keeper with."""
        self.site = site
        self.program = list(program)
        self.folder = keeping.run_folder(site.root)

    def instances(self) -> List[Running]:
        reply = self._ask({"verb": "list"})
        found = [] if reply is None else reply["instances"]
        return [
            Running(
                one["release"],
                one["process"],
                bool(one["pid"]) and not one["stopping"],
                one["restarts"],
                one["pid"],
            )
            for one in found
        ]

    def start(self, release: str, processes: Sequence[str]) -> None:
        self._ensure()
        self._demand({"verb": "start", "release": release, "processes": list(processes)})
        for process in processes:
            self._await(release, process)

    def stop(self, release: str, processes: Sequence[str]) -> List[str]:
        if self._ask({"verb": "stop", "release": release, "processes": list(processes)}) is None:
            return []
        end = time.monotonic() + self.site.drain + 10
        while time.monotonic() < end:
            reply = self._ask({"verb": "list"}) or {"instances": []}
            left = [
                one
                for one in reply["instances"]
                if one["release"] == release and one["process"] in processes
            ]
            if not left:
                self._rest()
                # A keeper that an older release started does not tell.
                return [name for name in processes if [release, name] in reply.get("killed", [])]
            time.sleep(_STEP)
        raise ProcessError(f"{release} did not end within {self.site.drain:.0f} s")

    def enable(self, release: str, processes: Sequence[str]) -> None:
        """Do nothing: ``local`` comes back when it is released again, not after a reboot."""

    def probe_address(self, release: str) -> str:
        return str(keeping.probe_path(self.folder, release))

    def log(self, release: str, process: str, lines: int) -> List[str]:
        return tail(keeping.log_path(self.site, release, process), lines)

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> Command:
        site = self.site
        words = [str(site.releases / release / "bin" / site.app), *argv]
        full = {**keeping.passed(os.environ), **keeping.environment(site), **env}
        return Command(words, full, site.releases / release / "app")

    def end(self) -> bool:
        """Stop every instance and the keeper; False where nothing ran."""
        if self._ask({"verb": "end"}) is None:
            return False
        end = time.monotonic() + self.site.drain + 10
        while time.monotonic() < end and self._ask({"verb": "list"}) is not None:
            time.sleep(_STEP)
        return True

    def _rest(self) -> None:
        """End the keeper where nothing is live: visitors would wait for an answer that nobody gives."""
        if live_release(self.site) is None and not self._raw():
            self.end()

    def _await(self, release: str, process: str) -> None:
        """Wait until the instance has lived for a moment; whether a web one answers is asked later."""
        begun = time.monotonic()
        while time.monotonic() < begun + self.site.boot:
            found = [
                one for one in self._raw() if (one["release"], one["process"]) == (release, process)
            ]
            if not found or found[0]["exit"] is not None or found[0]["restarts"]:
                raise self._fallen(release, process, found[0]["exit"] if found else None)
            if time.monotonic() > begun + (_WEB_PROOF if process == "web" else _WORKER_PROOF):
                return
            time.sleep(_STEP)
        raise ProcessError(
            f"{process} of {release} did not come up within {self.site.boot:.0f} s",
            self._last_lines(release, process),
        )

    def _fallen(self, release: str, process: str, status: Optional[int]) -> ProcessError:
        how = "ended" if status is None else ended(status)
        return ProcessError(
            f"{process} of {release} {how} while it was started", self._last_lines(release, process)
        )

    def _last_lines(self, release: str, process: str) -> str:
        return "\n".join(
            ["Its last lines:", *("  " + line for line in self.log(release, process, LAST_LINES))]
        )

    def _raw(self) -> List[Dict[str, Any]]:
        reply = self._ask({"verb": "list"})
        return [] if reply is None else list(reply["instances"])

    def _demand(self, request: Dict[str, Any]) -> None:
        reply = self._ask(request)
        if reply is None or "error" in reply:
            raise ProcessError(
                f"the keeper of {self.site.app} cannot be asked: {(reply or {}).get('error', 'gone')}"
            )

    def _ask(self, request: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """Ask the keeper; None where there is none."""
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
                    f"the keeper of {self.site.app} does not answer: {error}"
                ) from None

    def _ensure(self) -> None:
        """Start the keeper where none runs."""
        if self._ask({"verb": "list"}) is not None:
            return
        (self.site.root / "log").mkdir(parents=True, exist_ok=True)
        command = [*self.program, "keeper", "--root", str(self.site.root)]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=keeping.passed(os.environ),
        )
        try:
            answer = json.loads(done.stdout.splitlines()[0])
        except (ValueError, IndexError):
            raise ProcessError(f"the keeper of {self.site.app} did not start") from None
        if "error" in answer:
            raise DeployKitError(answer["error"], answer.get("hint", ""))


def ended(status: int) -> str:
    """Return how a process ended, from waitpid's status, in words."""
    if os.WIFSIGNALED(status):
        return f"was killed by signal {os.WTERMSIG(status)}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"


def tail(path: Path, lines: int) -> List[str]:
    """Return the last lines of a file, reading no more than 256 KiB of it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - (256 << 10)))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]


def program_of(path: Path) -> List[str]:
    """Return the command that runs verbs of the runtime that this process runs from."""
    base = [os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)]
    # A runtime archive is named by its digest; a bundle has the verbs behind a word.
    return [*base, str(path)] if valid_digest(path.stem) else [*base, str(path), "deploykit"]
