"""What a release is asked to do: by its environment, and by the person who runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from django_deploykit.release.transports.base import Transport


class Policy(Protocol):
    """What an environment says about releases (``project.inventory.Environment``)."""

    @property
    def name(self) -> str: ...
    @property
    def on_failure(self) -> str: ...
    @property
    def allow_breaking_migrations(self) -> bool: ...


@dataclass(frozen=True)
class ReleaseRequest:
    """One release as it was asked for.

    ``wait`` is how many seconds to wait for deploy locks; ``confirm`` asks a question, None where
    nobody can be asked; ``hook`` runs a hook's commands; ``prepare`` makes a local site's folders.
    """

    owner: str
    wait: float = 0.0
    confirm: Callable[[str], bool] | None = field(default=None, compare=False)
    hook: Callable[[str, Mapping[str, str]], None] = field(default=lambda *_: None, compare=False)
    prepare: Callable[[Transport], None] = field(default=lambda _: None, compare=False)
