"""Settings helpers: one ``Config`` object, created once in settings.py."""

from __future__ import annotations

from collections.abc import Sequence

from django_deploykit.conf.config import Config, configs
from django_deploykit.conf.declarations import Declaration
from django_deploykit.conf.errors import ConfigError
from django_deploykit.conf.schemes import register
from django_deploykit.conf.secret import Secret

__all__ = [
    "Config",
    "ConfigError",
    "Declaration",
    "Secret",
    "configs",
    "declared",
    "register",
    "sample",
]


def declared() -> tuple[Declaration, ...]:
    """Return a declaration for each setting that the settings module reads, in order.

    The list is complete once the settings are imported.
    """
    return tuple(one for config in configs() for one in config.declarations)


def sample(declarations: Sequence[Declaration] | None = None) -> str:
    """Return a commented INI file with the options that the settings read."""
    from django_deploykit.conf.declarations import sample as sample_of

    app = configs()[0].app if configs() else ""
    return sample_of(declared() if declarations is None else declarations, app)
