"""The results of the verbs for inspecting and operating a site."""

from __future__ import annotations

from dataclasses import field
from typing import Mapping, Optional, Tuple

from ..base.lazy_dataclass import lazy_dataclass
from .calls import LONG, OPEN, Call
from .events import Event
from .facts import LockOwner
from .journal import JournalRecord


@lazy_dataclass(frozen=True)
class BundleLayer:
    """A layer of a bundle; ``size`` is in bytes."""

    kind: str
    name: str
    version: str
    size: int
    sha256: str


@lazy_dataclass(frozen=True)
class BundleInfo:
    """A bundle's manifest; ``size`` is in bytes, ``required`` are names of options."""

    project: str
    release_id: str
    commit: str
    python: str
    platform: str
    glibc: str
    size: int
    processes: Mapping[str, str] = field(default_factory=dict)
    required: Tuple[str, ...] = ()
    layers: Tuple[BundleLayer, ...] = ()


@lazy_dataclass(frozen=True)
class VerifyResult:
    """The bundle's path, its release and the number of its layers."""

    verified: str
    release_id: str
    layers: int


@lazy_dataclass(frozen=True)
class InstanceStatus:
    """A process that is kept running, and the number of its restarts."""

    release: str
    process: str
    active: bool
    restarts: int = 0
    pid: int = 0


@lazy_dataclass(frozen=True)
class CommandStatus:
    """A command of a release that runs; ``since`` is in seconds since the epoch."""

    id: str
    release: str
    name: str
    since: float = 0.0


@lazy_dataclass(frozen=True)
class CancelResult:
    """The command that was ended."""

    canceled: CommandStatus


@lazy_dataclass(frozen=True)
class HostStatus:
    """The state of a host; ``changed`` are paths and ``drift`` units that were changed by hand.

    ``answers`` is whether the site answers now; if it does not, ``problem`` says why. ``warnings``
    are about the configuration.
    """

    live: Optional[str]
    listen: str
    commit: str = ""
    instances: Tuple[InstanceStatus, ...] = ()
    staged: Tuple[str, ...] = ()
    lock: Optional[LockOwner] = None
    interrupted: bool = False
    changed: Tuple[str, ...] = ()
    drift: Tuple[str, ...] = ()
    commands: Tuple[CommandStatus, ...] = ()
    answers: bool = False
    problem: str = ""
    warnings: Tuple[str, ...] = ()


@lazy_dataclass(frozen=True)
class HistoryResult:
    """The journal, oldest record first."""

    records: Tuple[JournalRecord, ...] = ()


@lazy_dataclass(frozen=True)
class EndResult:
    """Whether anything was running."""

    ended: bool


@lazy_dataclass(frozen=True)
class SetupResult:
    """The steps of a setup as text, and what a person still has to do."""

    changed: bool
    user: str
    ini: str
    listen: str
    plan: Tuple[str, ...] = ()
    left: Tuple[str, ...] = ()


@lazy_dataclass(frozen=True)
class RemoveResult:
    """The steps of a removal as text, and the paths of data and configuration that stay."""

    changed: bool
    plan: Tuple[str, ...] = ()
    kept: Tuple[str, ...] = ()


@lazy_dataclass(frozen=True)
class Watching(Event):
    """The probe starts; ``now`` is the host's clock, in seconds since the epoch."""

    name = "watching"
    now: float


@lazy_dataclass(frozen=True)
class WatchResult:
    """How the live site responded; times in seconds.

    A sample is the time of the request, its duration, and whether the response was good.
    """

    count: int = 0
    failed: int = 0
    p50: float = 0.0
    p99: float = 0.0
    slowest: float = 0.0
    samples: Tuple[Tuple[float, float, bool], ...] = ()


INFO = Call("info", BundleInfo)
VERIFY = Call("verify", VerifyResult, LONG)
STATUS = Call("status", HostStatus, 300.0)  # it compares every file of a release
HISTORY = Call("history", HistoryResult)
CANCEL = Call("cancel", CancelResult, LONG)
END = Call("end", EndResult, LONG)
SETUP = Call("setup", SetupResult, LONG)
REMOVE = Call("remove", RemoveResult, LONG)
WATCH = Call("watch", WatchResult, OPEN)
