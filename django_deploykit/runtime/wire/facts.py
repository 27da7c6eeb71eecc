"""Facts of a host, which a plan is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import FrozenSet, Mapping, Optional, Tuple

from .calls import Call
from .events import Event


@dataclass(frozen=True)
class BaseLayer:
    """A layer that a change can start from; ``kind`` is ``app`` or ``static``."""

    kind: str
    digest: str
    release: str


@dataclass(frozen=True)
class LockOwner:
    """Who holds a deploy lock, and what for; ``time`` is in seconds since the epoch."""

    owner: str = ""
    what: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class HostFacts:
    """One host at one moment. ``free`` is in bytes, ``clock`` in seconds since the epoch.

    Where ``setup`` is false, only what follows up to ``user`` is known.
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
    parts: Mapping[str, int] = field(default_factory=dict)  # bytes of what arrived in part
    bases: Tuple[BaseLayer, ...] = ()  # the newest first
    live: Optional[str] = None
    staged: Tuple[str, ...] = ()
    last_good: Optional[str] = None
    serving: Tuple[str, ...] = ()
    switching: bool = False
    lock: Optional[LockOwner] = None
    keys: Tuple[str, ...] = ()
    drift: Tuple[str, ...] = ()
    processes: Optional[Tuple[str, ...]] = None  # those with units; None where none are needed
    site: str = ""  # the text of site.json
    asks: bool = False  # for signatures


@dataclass(frozen=True)
class Held(Event):
    """The deploy lock is held; ``facts`` are those of that moment, where they were asked for."""

    name = "held"
    facts: Optional[HostFacts] = None


@dataclass(frozen=True)
class HoldResult:
    """How holding ended: ``released``, or ``silent`` where the controller said nothing any more."""

    ended: str


@dataclass(frozen=True)
class PrepareResult:
    """The options in the configuration of a ``local`` site."""

    keys: Tuple[str, ...]


FACTS = Call("facts", HostFacts)
HOLD = Call("hold", HoldResult)
PREPARE = Call("prepare", PrepareResult)
