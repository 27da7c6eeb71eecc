"""What a release asks of whoever keeps its processes: plain processes or systemd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Protocol, Sequence

from ..base.errors import DeployKitError
from ..base.processes import Command

# What is shown of the log of a process that failed: a worker's traceback, and its server's behind it.
LAST_LINES = 60


class ProcessError(DeployKitError):
    """A process did not come up, or went away; the hint holds its last log lines."""


@dataclass(frozen=True)
class Running:
    """An instance: the process of a release. ``restarts`` counts since it was started."""

    release: str
    process: str
    active: bool
    restarts: int
    pid: int = 0


class Supervisor(Protocol):
    """Keeps instances of releases; all ``web`` instances share one listening socket.

    A web instance also listens on a socket of its own, so that a probe is certain which release
    answers. Instances are restarted when they die and survive the caller.
    """

    def instances(self) -> List[Running]:
        """Return every instance that runs or should run."""

    def start(self, release: str, processes: Sequence[str]) -> None:
        """Start instances beside whatever runs; return when they are up, or :class:`ProcessError`.

        Starting what runs already is no error.
        """

    def stop(self, release: str, processes: Sequence[str]) -> List[str]:
        """End instances: they finish the requests or the task at hand.

        Returns those that were not finished within the site's limit, and so were killed.
        """

    def enable(self, release: str, processes: Sequence[str]) -> None:
        """Make these, and no others, the instances that come up after a reboot."""

    def probe_address(self, release: str) -> str:
        """Return the path of the unix socket where only this release's web process answers."""

    def log(self, release: str, process: str, lines: int) -> List[str]:
        """Return the last lines that the instance wrote."""

    def command(self, release: str, argv: Sequence[str], env: Dict[str, str]) -> Command:
        """Return what runs a command of a release as the site's own user in its sandbox.

        Its streams and its exit code are the command's.
        """
