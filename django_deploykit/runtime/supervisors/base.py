"""The interface of supervisors: what a switch needs to start, probe and stop processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Protocol, Sequence

from ..base.errors import DeployKitError
from ..base.processes import CommandLine

# Lines shown of a failed process's log: enough for a worker's traceback and its server's after it.
LAST_LINES = 60


class ProcessError(DeployKitError):
    """A process did not start, or ended; the hint contains its last log lines."""


@dataclass(frozen=True)
class Running:
    """A process of a release, an *instance*. ``restarts`` counts since it was started."""

    release: str
    process: str
    active: bool
    restarts: int
    pid: int = 0


class Supervisor(Protocol):
    """Runs instances of releases; all ``web`` instances share one listening socket.

    A web instance also listens on a socket of its own, so that a probe knows which release answers.
    Instances are restarted when they end, and outlive the caller.
    """

    def instances(self) -> List[Running]:
        """Return every instance that runs or should run."""

    def start(self, release: str, processes: Sequence[str]) -> None:
        """Start instances beside those that run, and return when they are up.

        Raises :class:`ProcessError` if one fails. It is no error if an instance runs already.
        """

    def stop(self, release: str, processes: Sequence[str]) -> List[str]:
        """Stop instances; they may finish their current requests or tasks.

        Returns the processes that did not end within the site's ``drain`` time and were killed.
        """

    def enable(self, release: str, processes: Sequence[str]) -> None:
        """Make these, and no others, the instances that start at boot."""

    def probe_address(self, release: str) -> str:
        """Return the path of the unix socket where only this release's web process answers."""

    def log(self, release: str, process: str, lines: int) -> List[str]:
        """Return the last lines that the instance wrote."""

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> CommandLine:
        """Return the command line that runs a command of a release as the site's user in its sandbox.

        Its streams and exit code are those of the command.
        """
