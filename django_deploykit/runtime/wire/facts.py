"""The facts about a host that a plan is made from."""

from __future__ import annotations

from dataclasses import field
from typing import FrozenSet, Mapping, Optional, Tuple

from ..base.lazy_dataclass import lazy_dataclass
from .calls import OPEN, Call
from .events import Event


@lazy_dataclass(frozen=True)
class BaseLayer:
    """A layer that a delta can start from; ``kind`` is ``app`` or ``static``."""

    kind: str
    digest: str
    release: str
    name: str = ""


@lazy_dataclass(frozen=True)
class LockOwner:
    """Who holds the deploy lock, and for what; ``time`` is in seconds since the epoch."""

    owner: str = ""
    what: str = ""
    time: float = 0.0


@lazy_dataclass(frozen=True)
class HostFacts:
    """One host at one moment. ``free`` is in bytes, ``clock`` in seconds since the epoch.

    If ``setup`` is False, only the fields up to ``user`` are known.
    """

    setup: bool
    python: str = ""
    platform: str = ""
    glibc: str = ""
    clock: float = 0.0
    hostname: str = ""
    user: str = ""
    free: int = 0
    inodes: Optional[int] = None
    layers: FrozenSet[str] = frozenset()
    parts: Mapping[str, int] = field(default_factory=dict)  # bytes of incomplete archives
    bases: Tuple[BaseLayer, ...] = ()  # newest first
    live: Optional[str] = None
    staged: Tuple[str, ...] = ()
    last_good: Optional[str] = None
    serving: Tuple[str, ...] = ()
    switching: bool = False
    lock: Optional[LockOwner] = None
    keys: Tuple[str, ...] = ()
    drift: Tuple[str, ...] = ()
    processes: Optional[Tuple[str, ...]] = None  # those with units; None if none are needed
    site: str = ""  # the text of site.json
    asks: bool = False  # whether the host requires signatures
    warnings: Tuple[str, ...] = ()  # about the configuration, which checks do not see
    newest: str = ""  # the release with the newest commit that was ever live


@lazy_dataclass(frozen=True)
class Held(Event):
    """The deploy lock is held; ``facts`` were collected at that moment, if they were requested."""

    name = "held"
    facts: Optional[HostFacts] = None


@lazy_dataclass(frozen=True)
class HoldResult:
    """How holding the lock ended: ``released``, or ``lost`` or ``silent`` if the controller is gone."""

    ended: str


@lazy_dataclass(frozen=True)
class PrepareResult:
    """The options that the configuration of a ``local`` site sets."""

    keys: Tuple[str, ...]


FACTS = Call("facts", HostFacts)
HOLD = Call("hold", HoldResult, OPEN)
PREPARE = Call("prepare", PrepareResult)
