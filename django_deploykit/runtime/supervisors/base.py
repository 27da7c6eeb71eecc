"""The interface of supervisors: what a switch needs to start, probe and stop processes."""

from __future__ import annotations

from typing import Dict, List, Protocol, Sequence

from ..base.errors import DeployKitError
from ..base.lazy_dataclass import lazy_dataclass
from ..base.processes import CommandLine

# Lines of a failed process's log to show: enough for tracebacks of a worker and of its server.
LAST_LINES = 60


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

    def log(self, release: str, process: str, lines: int) -> List[str]:
        """Return the last lines that the instance wrote."""

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> CommandLine:
        """Return the command line that runs a release's command in the sandbox as the site's user.

        It has the command's standard streams and exit code.
        """
