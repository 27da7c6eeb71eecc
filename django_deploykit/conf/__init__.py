"""Settings helpers: one ``Config`` object, created once in settings.py."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from django_deploykit.conf.config import Config, configs
from django_deploykit.conf.errors import ConfigError
from django_deploykit.conf.secret import Secret

if TYPE_CHECKING:
    from django_deploykit.conf.declarations import Declaration
    from django_deploykit.conf.schemes import register
else:
    # Few settings need these, and each import costs a start of the project.
    _MODULES = {"Declaration": "declarations", "register": "schemes"}

    def __getattr__(name: str) -> object:
        """Import what is asked for the first time."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


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
