"""The interface of supervisors: what a switch needs to start, probe and stop processes."""

from __future__ import annotations

from typing import Dict, List, Optional, Protocol, Sequence

from ..base.errors import DeployKitError
from ..base.lazy_dataclass import lazy_dataclass
from ..base.moments import utc
from ..base.processes import CommandLine
from ..wire.logs import LogPage, LogRequest


class ProcessError(DeployKitError):
    """A process did not start, or it ended; the hint contains its last log lines."""


@lazy_dataclass(frozen=True)
class Running:
    """A process of a release, called an *instance*. ``restarts`` counts since its start."""

    release: str
    process: str
    active: bool
    restarts: int
    pid: int = 0


@lazy_dataclass(frozen=True)
class RunningCommand:
    """A command of a release that runs, such as ``migrate``.

    Its arguments are not shown, because they may be secret. ``since`` is in seconds since the
    epoch.
    """

    id: str
    release: str
    name: str
    since: float = 0.0

    def __str__(self) -> str:
        return f"`{self.name}` of {self.release}, which runs since {utc(self.since)} UTC,"


def command_name(argv: Sequence[str]) -> str:
    """Return the part of a command's arguments that names it.

    >>> command_name(["migrate", "--noinput"]), command_name(["--process", "release"])
    ('migrate', '--process release')
    """
    return " ".join(argv[: 2 if argv[:1] == ["--process"] else 1])


def has_died(now: Optional[Running], before: Sequence[Running]) -> bool:
    """Return whether an instance has ended since it was started.

    ``before`` are the instances before the start: one that ran already may have been restarted
    earlier, and one that waited for a restart has been restarted once more.
    """
    if now is None or not now.active:
        return True
    key = (now.release, now.process)
    old = next((one for one in before if (one.release, one.process) == key), None)
    if old is None:
        return now.restarts > 0
    return old.pid != now.pid if old.active else now.restarts > old.restarts + 1


class Supervisor(Protocol):
    """Runs instances of releases; all ``web`` instances share one listening socket.

    A web instance also listens on its own socket, so that a probe knows which release responds.
    Instances are restarted when they end, and continue to run after the caller ends.
    """

    def instances(self) -> List[Running]:
        """Return every instance that runs or should run."""

    def start(self, release: str, processes: Sequence[str]) -> None:
        """Start instances next to those that run, and return when they are up.

        Raises :class:`ProcessError` if one fails. Instances that already run are not an error.
        """

    def stop(self, release: str, processes: Sequence[str]) -> List[str]:
        """Stop instances; they may finish their current requests or tasks.

        Returns the processes that did not end within the site's ``drain`` time and were killed.
        """

    def enable(self, release: str, processes: Sequence[str]) -> None:
        """Make only these instances start at boot."""

    def probe_address(self, release: str) -> str:
        """Return the path of the unix socket on which only this release's web process responds."""

    def logs(self, request: LogRequest) -> LogPage:
        """Return lines that processes wrote."""

    def begun(self, release: str, process: str) -> str:
        """Return the cursor of an instance's log when this object started it, else an empty string."""

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> CommandLine:
        """Return the command line that runs a release's command in the sandbox as the site's user.

        It has the command's standard streams and exit code.
        """

    def commands(self) -> List[RunningCommand]:
        """Return the commands that run, also those whose caller was killed."""

    def cancel(self, command: str) -> None:
        """End a running command, named by its ID, and return when it has ended."""
