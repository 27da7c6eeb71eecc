"""What an environment and the user ask of a release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from django_deploykit.release.transports.base import Transport


class Policy(Protocol):
    """An environment's rules for releases (``project.inventory.Environment`` has them)."""

    @property
    def name(self) -> str: ...
    @property
    def on_failure(self) -> str: ...
    @property
    def allow_breaking_migrations(self) -> bool: ...


@dataclass(frozen=True)
class ReleaseRequest:
    """What the user asked for.

    ``wait`` is how many seconds to wait for deploy locks. ``confirm`` asks a question, or is None
    if nobody can be asked. ``hook`` runs a hook's commands. ``prepare`` makes a local site's
    folders.
    """

    owner: str
    wait: float = 0.0
    confirm: Callable[[str], bool] | None = field(default=None, compare=False)
    hook: Callable[[str, Mapping[str, str]], None] = field(default=lambda *_: None, compare=False)
    prepare: Callable[[Transport], None] = field(default=lambda _: None, compare=False)
