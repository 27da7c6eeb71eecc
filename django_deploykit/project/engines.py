"""The engines: what runs the releases of an environment, by the name in ``deploykit.ini``.

An engine is a module with two names: ``KEYS``, its keys of [environment:NAME], and ``ENGINE``, which
does what the actions of ``manage.py release`` ask. Decision 0077 says why the table has paths.
"""

from __future__ import annotations

from importlib import import_module

from django_deploykit.project.values import Keys, nearest

HOSTS = "hosts"  # of an environment that names no engine
ENGINES: dict[str, str] = {
    HOSTS: "django_deploykit.engines.hosts",
}


def read_engine(text: str) -> str:
    """Return the name of an engine; raise :class:`ValueError` if there is none of that name."""
    if text not in ENGINES:
        known = ", ".join(sorted(ENGINES))
        raise ValueError(f"must be one of {known}, not {text!r}{nearest(text, ENGINES)}")
    return text


def engine_keys(name: str) -> Keys:
    """Return an engine's own keys of [environment:NAME]."""
    keys: Keys = import_module(ENGINES[name]).KEYS
    return keys
