"""What the verbs of a release answer, from the first layer sent to the last one removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from .calls import Call
from .events import Event
from .journal import JournalRecord
from .reader import long_text

LIST_LIMIT = 1 << 28  # bytes of a layer's file list


@dataclass(frozen=True)
class Arrived(Event):
    """All that was sent is there, and is unpacked now; ``again`` must be sent again as a whole."""

    name = "arrived"
    again: Tuple[str, ...] = ()


@dataclass(frozen=True)
class ReceiveResult:
    """What came in: bytes, digests of layers, and of those that must be sent again as a whole."""

    bytes: int = 0
    layers: Tuple[str, ...] = ()
    again: Tuple[str, ...] = ()


@dataclass(frozen=True)
class ListResult:
    """A layer's file list, as :func:`~.reader.deflate` gives it."""

    list: str = long_text(1 << 26)


@dataclass(frozen=True)
class StageResult:
    """``again`` are the layers that are missing or damaged; where there are any, nothing is staged.

    ``signer`` is the name of the key that signed the bundle, "" where none was needed.
    """

    staged: str = ""
    again: Tuple[str, ...] = ()
    signer: str = ""


@dataclass(frozen=True)
class MigrateResult:
    """The databases that were migrated, by alias."""

    databases: Tuple[str, ...] = ()


@dataclass(frozen=True)
class SettleResult:
    """``settled`` is the release that an interrupted switch came to, None where there was none."""

    settled: Optional[str] = None
    live: Optional[str] = None


@dataclass(frozen=True)
class PruneResult:
    """The releases that were removed and kept, and the number of layers removed."""

    removed: Tuple[str, ...] = ()
    kept: Tuple[str, ...] = ()
    layers: int = 0


@dataclass(frozen=True)
class InstallResult:
    """The release that is live, whether it was not before, and the releases that were removed."""

    live: str
    changed: bool
    removed: Tuple[str, ...] = ()


RECEIVE = Call("receive", ReceiveResult)
LIST = Call("list", ListResult)
STAGE = Call("stage", StageResult)
MIGRATE = Call("migrate", MigrateResult)
SWITCH = Call("switch", JournalRecord)
SETTLE = Call("settle", SettleResult)
PRUNE = Call("prune", PruneResult)
