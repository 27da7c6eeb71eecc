"""The formats of ``manage.py bundle``: what it writes for a commit, by the name of ``--format``.

A format is a module with two names: ``KEYS``, its keys of [format:NAME] in ``deploykit.ini``, and
``FORMAT``, which writes a file. Only the modules of formats that are used are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django_deploykit.conf.ini import Option
from django_deploykit.project.values import Keys, nearest, read_section

DEFAULT = "pyz"  # what `release` sends to hosts
FORMATS: dict[str, str] = {
    DEFAULT: "django_deploykit.bundle.formats.pyz",
    "oci": "django_deploykit.bundle.formats.oci",
    "wheel": "django_deploykit.bundle.formats.wheel",
    "deb": "django_deploykit.bundle.formats.deb",
    "wheelhouse": "django_deploykit.bundle.formats.wheelhouse",
}


def format_keys(name: str) -> Keys:
    """Return a format's own keys of [format:NAME]."""
    keys: Keys = import_module(FORMATS[name]).KEYS
    return keys


def read_format(
    section: str, options: Mapping[str, Option], problems: list[str]
) -> tuple[str, dict[str, Any]]:
    """Return the format of a section [format:NAME], and its values. Mistakes are added to ``problems``."""
    name = section.partition(":")[2].strip()
    if name not in FORMATS:
        where = next((option.where for option in options.values()), f"[{section}]")
        known = ", ".join(sorted(FORMATS))
        problems.append(
            f"{where}: a format is one of {known}, not {name!r}{nearest(name, FORMATS)}"
        )
        return name, {}
    return name, read_section(section, options, format_keys(name), problems)
