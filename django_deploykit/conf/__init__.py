"""Settings helpers: one ``Config`` object, made once in settings.py."""

from __future__ import annotations

from collections.abc import Sequence

from django_deploykit.conf.config import Config, configs
from django_deploykit.conf.declared import Declaration
from django_deploykit.conf.errors import ConfigError
from django_deploykit.conf.secret import Secret

__all__ = ["Config", "ConfigError", "Declaration", "Secret", "configs", "declared", "sample"]


def declared() -> tuple[Declaration, ...]:
    """Return what the settings read, in that order; complete once they are imported."""
    return tuple(one for config in configs() for one in config.declarations)


def sample(declarations: Sequence[Declaration] | None = None) -> str:
    """Return a commented INI file of the settings' configuration."""
    from django_deploykit.conf.declared import sample as write

    app = configs()[0].app if configs() else ""
    return write(declared() if declarations is None else declarations, app)
