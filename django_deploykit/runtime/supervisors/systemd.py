"""The supervisor of a server: systemd runs instances of the units that setup installed."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

from ..base.accounts import owner_of
from ..base.configuration import exposure_problem
from ..base.errors import DeployKitError
from ..base.files import is_full, read_bytes, write_and_replace, write_in_place
from ..base.hints import install_command, setup_command
from ..base.processes import CommandLine
from ..base.site import Site, live_release
from ..base.variables import environment_file, ini_files
from ..wire.logs import LogPage, LogRequest
from .base import ProcessError, Running, RunningCommand, command_name, has_died
from .drop_ins import drop_in_warnings, paths_by_unit
from .journal_output import parse_entries
from .listening import listening_problem
from .process_log import last_lines, process_error
from .root_helper import helper
from .root_python import root_program
from .systemd_units import (
    enabled_path,
    helper_path,
    installed_kinds,
    probe_path,
    read_units,
    template_name,
    unit_name,
    units,
)

_TRIAL = 1.0  # seconds that a process without a socket must run to count as up
# Exit codes of the helper: it refuses the arguments; there is no valid signature; the environment
# file is not valid.
_REFUSED, _UNSIGNED, _MISCONFIGURED = 64, 65, 66
_SHOWN = ("Id", "ActiveState", "SubState", "NRestarts", "MainPID")
_LONGEST = 1 << 20  # bytes of a drop-in
_COMMAND_SHOWN = (
    "Id",
    "ActiveState",
    "WorkingDirectory",
    "ExecStart",
    "ExecMainStartTimestampMonotonic",
)


class SystemdSupervisor:
    """A :class:`~.base.Supervisor` for the deploy user: reads freely, acts through root's helper."""

    def __init__(self, site: Site) -> None:
        """``site`` must be set up on this host."""
        self.site = site
        self.kinds = [kind.name for kind in installed_kinds(site.app, read_units(site.app))]
        self._begun: Dict[Tuple[str, str], str] = {}  # cursors of logs when it started instances

    def instances(self) -> List[Running]:
        patterns = [unit_name(self.site.app, kind, "*") for kind in self.kinds]
        if not patterns:
            return []
        return parse_instances(self.site.app, self.kinds, _show(_SHOWN, patterns))

    def start(self, release: str, processes: Sequence[str]) -> None:
        if not processes:
            return
        self._validate_kinds(processes)
        self._validate_ini()
        self._begun.update({(release, name): f"@{time.time():.6f}" for name in processes})
        workers = [name for name in processes if name != "web"]
        before = self.instances() if workers else []
        done = self._call_helper("start", release, *processes)
        if done.returncode:
            raise self._failure(release, processes, before, done.stderr.strip())
        end = time.monotonic() + _TRIAL
        while workers and time.monotonic() < end:
            if self._died(release, workers, before):
                raise self._failure(release, workers, before)
            time.sleep(0.1)

    def stop(self, release: str, processes: Sequence[str]) -> List[str]:
        if not processes:
            return []
        done = self._call_helper("stop", release, *processes)
        if done.returncode:
            raise ProcessError(f"{release} could not be stopped", done.stderr.strip())
        return [name for name in processes if name in done.stdout.splitlines()]

    def enable(self, release: str, processes: Sequence[str]) -> None:
        """Write the file that names the processes that ``<app>.service`` starts at boot."""
        path, text = enabled_path(self.site), " ".join([release, *processes]) + "\n"
        if _enabled(path) == text.split():  # a disk that cannot be written does not matter then
            return
        try:
            write_and_replace(path, text, sync=True)
        except OSError as error:
            if not is_full(error):
                raise
            write_in_place(path, text)

    def probe_address(self, release: str) -> str:
        return probe_path(self.site, release)

    def logs(self, request: LogRequest) -> LogPage:
        now = time.time()  # before the journal is read, so that nothing is missed later
        place = request.cursor or f"@{request.since or 0:.6f}"
        which = request.release or "all"
        done = self._call_helper("journal", which, str(request.lines), place, *request.processes)
        if done.returncode:
            names = ", ".join(request.processes)
            raise ProcessError(f"the log of {names} cannot be read", done.stderr.strip())
        found, cursor = parse_entries(
            done.stdout, lambda unit: _instance(self.site.app, request.processes, unit)
        )
        if place.startswith("@"):
            found.reverse()  # the newest come first
        return LogPage(tuple(found), cursor or request.cursor or f"@{now:.6f}")

    def begun(self, release: str, process: str) -> str:
        return self._begun.get((release, process), "")

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> CommandLine:
        """See :class:`~.base.Supervisor`.

        ``env`` may only contain ``DEPLOYKIT_…`` variables, no secrets.
        """
        self._validate_ini()
        token = secrets.token_hex(8)
        given = [f"{name}={value}" for name, value in sorted(env.items())]
        words = [*self._helper_command(), "run", release, token, *given, "--", *argv]
        # The command runs under systemd and sudo as root: signals of this process reach neither.
        return CommandLine(words, cancel=lambda: self._cancel(token))

    def commands(self) -> List[RunningCommand]:
        text = _show(_COMMAND_SHOWN, [f"{self.site.app}-run-*.service"])
        booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
        return parse_commands(self.site.app, text, booted)

    def cancel(self, command: str) -> None:
        done = self._cancel(command)
        if done.returncode:
            raise ProcessError(f"the command {command} could not be ended", done.stderr.strip())

    def _cancel(self, token: str) -> "subprocess.CompletedProcess[str]":
        return self._call_helper("cancel", token)

    def keys(self) -> List[str]:
        """Return the names of options set in the configuration, which only root can read."""
        done = self._call_helper("keys")
        if done.returncode:
            raise DeployKitError(
                f"the configuration's option names cannot be read: {done.stderr.strip()}",
                f"Run `{setup_command()}`.",
            )
        return done.stdout.split("\n")[:-1] if done.stdout.strip() else []

    def drift(self) -> List[str]:
        """Return the names of files from setup that were changed or are missing."""
        there = read_units(self.site.app)
        kinds = installed_kinds(self.site.app, there)
        found = differing(units(self.site, kinds, owner_of(self.site.root).name), there)
        path = helper_path(self.site.app)
        try:
            text = helper(self.site, kinds, root_program(self.site.app))
            same = read_bytes(path).decode("utf-8", "replace") == text
        except OSError:
            same = False
        return found if same else [*found, path.name]

    def warnings(self) -> List[str]:
        """Return what processes read and checks do not see, and who else can read the configuration.

        Checks run in the site's sandbox, which hides the files of the configuration.
        """
        app, etc = self.site.app, self.site.etc
        release = live_release(self.site) or "0"
        units = [unit_name(app, kind, release) for kind in self.kinds]
        shown = _blocks(_show(("Id", "DropInPaths"), units)) if units else ()
        place = environment_file(etc, app)
        found = drop_in_warnings(paths_by_unit(app, shown), _read_text, str(place))
        for path in (*ini_files(etc, app), place):
            problem = exposure_problem(path, owner=0)
            if problem:
                name = shlex.quote(str(path))
                found.append(f"{problem}. Run as root: chown root: {name} && chmod 0600 {name}")
        return found

    def _validate_kinds(self, processes: Sequence[str]) -> None:
        unknown = [name for name in processes if name not in self.kinds]
        if unknown:
            names = ", ".join(template_name(self.site.app, name) for name in unknown)
            raise ProcessError(
                f"this host has no {names}",
                f"The Procfile has changed: run `{setup_command()}`, then `{install_command()}`.",
            )

    def _died(self, release: str, processes: Sequence[str], before: Sequence[Running]) -> List[str]:
        """Return the processes that have ended since they were started."""
        found = {one.process: one for one in self.instances() if one.release == release}
        return [name for name in processes if has_died(found.get(name), before)]

    def _failure(
        self, release: str, processes: Sequence[str], before: Sequence[Running], why: str = ""
    ) -> ProcessError:
        name = (self._died(release, processes, before) or list(processes))[0]
        message = f"{name} of {release} did not start"
        if name == "web" and not self._listens():
            problem, hint = listening_problem(self.site.app, self.site.listen)
            return ProcessError(f"{message}: {problem}", hint)
        return process_error(message, last_lines(self, release, name), why)

    def _listens(self) -> bool:
        """Whether the site's socket is active; the web process does not start without it."""
        return "=active" in _show(("ActiveState",), [f"{self.site.app}.socket"])

    def _validate_ini(self) -> None:
        """Raise an error if the configuration is missing; systemd then starts no process."""
        with suppress(PermissionError):  # the folder may be closed to this user
            if self.site.ini.exists():
                return
            raise DeployKitError(
                f"{self.site.ini} is missing",
                f"Restore it, or create it from the sample: run `{setup_command()}`.",
            )

    def _helper_command(self) -> List[str]:
        path = str(helper_path(self.site.app))
        return [path] if os.geteuid() == 0 else ["sudo", "-n", path]

    def _call_helper(self, *words: str) -> "subprocess.CompletedProcess[str]":
        done = _run([*self._helper_command(), *words])
        if done.returncode == _UNSIGNED:
            raise DeployKitError(done.stderr.strip(), "Release a signed bundle.")
        if done.returncode == _MISCONFIGURED:
            problems = "; ".join(done.stderr.strip().splitlines())
            raise DeployKitError(problems, "Correct the file, as root.")
        if done.returncode == _REFUSED:
            raise DeployKitError(done.stderr.strip(), f"Run `{setup_command()}`.")
        if done.returncode and done.stderr.startswith("sudo:"):
            raise DeployKitError(
                f"this user may not manage {self.site.app} here: {done.stderr.strip()}",
                f"Use the deploy user that setup made, or run `{setup_command()}`.",
            )
        return done


def _enabled(path: Path) -> List[str]:
    """Return the words of the file that names what starts at boot; none if it cannot be read."""
    try:
        return read_bytes(path, _LONGEST).decode("utf-8", "replace").split()
    except OSError:
        return []


def _read_text(path: str) -> str:
    """Return the text of a file that systemd reads."""
    return read_bytes(Path(os.path.realpath(path)), _LONGEST).decode("utf-8", "replace")


def _show(properties: Sequence[str], patterns: Sequence[str]) -> str:
    """Return the output of ``systemctl show`` for the units that match."""
    shown = f"--property={','.join(properties)}"
    done = _run(["systemctl", "show", "--all", "--no-pager", shown, "--", *patterns])
    if done.returncode:
        raise ProcessError(f"systemctl failed: {done.stderr.strip()}")
    return done.stdout


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command that Ctrl-C does not reach; an interrupt is handled after it has ended.

    Otherwise commands that undo it could run at the same time, and a stop could overtake the start.
    """
    with _interrupts_deferred():
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer interrupts to the end of the block."""
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before in (signal.SIG_IGN, None):
        yield
        return
    heard: List[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if heard:
            signal.raise_signal(signal.SIGINT)


def parse_instances(app: str, kinds: Sequence[str], text: str) -> List[Running]:
    """Return the instances in the output of ``systemctl show``, except ended ones."""
    found = []
    for facts in _blocks(text):
        key = _instance(app, kinds, facts.get("Id", ""))
        state = facts.get("ActiveState", "inactive")
        if key is None or state == "inactive":
            continue
        found.append(
            Running(
                release=key[1],
                process=key[0],
                active=state in ("active", "reloading"),
                restarts=int(facts.get("NRestarts") or 0),
                pid=int(facts.get("MainPID") or 0),
            )
        )
    return found


def parse_commands(app: str, text: str, booted: float) -> List[RunningCommand]:
    """Return the running commands in the output of ``systemctl show``.

    ``booted`` is when systemd's monotonic clock was 0, in seconds since the epoch.
    """
    found = []
    for facts in _blocks(text):
        match = re.match(
            re.escape(f"{app}-run-") + r"([0-9a-f]{16})\.service\Z", facts.get("Id", "")
        )
        if match is None or facts.get("ActiveState") in ("inactive", "failed"):
            continue
        # The arguments are: the shell, the release's script, and the words of the command.
        argv = facts.get("ExecStart", "").partition("argv[]=")[2].split(" ; ")[0].split()[2:]
        began = int(facts.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
        release = os.path.basename(os.path.dirname(facts.get("WorkingDirectory", "")))
        found.append(RunningCommand(match.group(1), release, command_name(argv), booted + began))
    return found


def _blocks(text: str) -> Iterator[Dict[str, str]]:
    """Yield the properties of each unit in the output of ``systemctl show``."""
    for block in text.split("\n\n"):
        yield dict(line.partition("=")[::2] for line in block.splitlines())


def _instance(app: str, kinds: Sequence[str], name: str) -> "Tuple[str, str] | None":
    for kind in kinds:
        match = re.match(re.escape(f"{app}-{kind}@") + r"([0-9a-fT-]+)\.service\Z", name)
        if match:
            return kind, match.group(1)
    return None


def differing(wanted: Dict[str, str], there: Dict[str, str]) -> List[str]:
    """Return the names of units that are missing, different or superfluous."""
    names = sorted(set(wanted) | set(there))
    return [name for name in names if wanted.get(name) != there.get(name)]
