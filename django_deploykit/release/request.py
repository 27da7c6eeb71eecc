"""What is asked of a release: by its environment, and by who runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from django_deploykit.release.transports.base import Transport


class Policy(Protocol):
    """What an environment says of a release (``project.inventory.Environment``)."""

    @property
    def name(self) -> str: ...
    @property
    def on_failure(self) -> str: ...
    @property
    def allow_breaking_migrations(self) -> bool: ...


@dataclass(frozen=True)
class Request:
    """One release as it was asked for."""

    owner: str
    wait: float = 0.0
    noinput: bool = False
    batches: tuple[tuple[str, ...], ...] = ()  # names of hosts; empty: one after the other
    migrate_on: tuple[str, ...] = ()  # hosts in the order in which they are asked to migrate
    confirm: Callable[[str], bool] = field(default=lambda _: False, compare=False)
    hook: Callable[[str, Mapping[str, str]], None] = field(default=lambda *_: None, compare=False)
    prepare: Callable[[Transport], None] = field(default=lambda _: None, compare=False)
