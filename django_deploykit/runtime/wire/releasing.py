"""The results of the verbs of a release, from sending layers to pruning."""

from __future__ import annotations

from typing import Optional, Tuple

from ..base.lazy_dataclass import lazy_dataclass
from .calls import LONG, Call
from .events import Event
from .journal import JournalRecord
from .reader import long_text

LIST_LIMIT = 1 << 28  # bytes of a layer's file list; a million files need a tenth of it


@lazy_dataclass(frozen=True)
class Arrived(Event):
    """All sent data has arrived and is being unpacked; ``again`` must be sent again as a whole."""

    name = "arrived"
    again: Tuple[str, ...] = ()


@lazy_dataclass(frozen=True)
class ReceiveResult:
    """The bytes received, and the digests of complete layers and of those to send again in full."""

    bytes: int = 0
    layers: Tuple[str, ...] = ()
    again: Tuple[str, ...] = ()


@lazy_dataclass(frozen=True)
class ListResult:
    """A layer's file list, compressed by :func:`~.reader.deflate`."""

    list: str = long_text(1 << 26)


@lazy_dataclass(frozen=True)
class StageResult:
    """``again`` are the missing or damaged layers; if there are any, nothing is staged.

    ``signer`` is the name of the key that signed the bundle; it is empty if none was needed.
    """

    staged: str = ""
    again: Tuple[str, ...] = ()
    signer: str = ""


@lazy_dataclass(frozen=True)
class MigrateResult:
    """The databases that were migrated, by alias."""

    databases: Tuple[str, ...] = ()


@lazy_dataclass(frozen=True)
class UploadResult:
    """The release whose static files were uploaded."""

    release: str


@lazy_dataclass(frozen=True)
class SwitchResult:
    """The live release, and the one that a rollback without an argument goes back to.

    ``host`` is the Host header that the site answered to; it is empty without a web process.
    """

    live: str
    last_good: Optional[str] = None
    host: str = ""


@lazy_dataclass(frozen=True)
class SettleResult:
    """``settled`` is the result of an interrupted switch, or None if there was none."""

    settled: Optional[str] = None
    live: Optional[str] = None


@lazy_dataclass(frozen=True)
class PruneResult:
    """The removed releases, the kept ones, and the number of removed layers."""

    removed: Tuple[str, ...] = ()
    kept: Tuple[str, ...] = ()
    layers: int = 0


@lazy_dataclass(frozen=True)
class InstallResult:
    """The live release, whether it became live just now, and the removed releases."""

    live: str
    changed: bool
    removed: Tuple[str, ...] = ()


RECEIVE = Call("receive", ReceiveResult, LONG)
LIST = Call("list", ListResult)
STAGE = Call("stage", StageResult, LONG)
MIGRATE = Call("migrate", MigrateResult, LONG)
UPLOAD = Call("upload", UploadResult, LONG)
SWITCH = Call("switch", SwitchResult, LONG)
FAILED = Call("failed", JournalRecord)
SETTLE = Call("settle", SettleResult, LONG)
PRUNE = Call("prune", PruneResult, LONG)
