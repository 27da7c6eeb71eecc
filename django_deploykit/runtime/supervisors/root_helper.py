"""The text of the helper that runs as root for the deploy user (pure).

``setup`` writes it to ``/usr/local/libexec/deploykit-<app>``. It belongs to root and imports
nothing from a release. It accepts arguments of a fixed grammar (verb, release id, kinds), and
passes them to systemd as whole arguments, never to a shell.
"""

from __future__ import annotations

import pkgutil
import re
from types import ModuleType
from typing import Sequence

from ..base import environment_file, ini, opening
from ..base.site import Site
from ..bundle import signature
from .journal_output import FIELDS
from .root_helper_text import TEXT
from .root_python import SYSTEM
from .systemd_units import Kind, run_properties


def helper(site: Site, kinds: Sequence[Kind], python: str = SYSTEM) -> str:
    """Return the text of the helper for a site with these kinds of processes.

    ``python`` is the program that runs it.
    """
    values = {
        "APP": site.app,
        "ROOT": str(site.root),
        "ETC": str(site.etc),
        "KINDS": tuple(kind.name for kind in kinds),
        "PROPERTIES": tuple(f"{key}={value}" for key, value in run_properties(site)),
        "SIGNATURE": signature.PATTERN,
        "NAMESPACE": signature.NAMESPACE,
    }
    text = TEXT
    for module in (ini, opening, environment_file):
        text = text.replace(f"@{module.__name__.rpartition('.')[2].upper()}@", source_of(module))
    text = text.replace("@PYTHON@", python)
    text = text.replace("@APP@", site.app).replace("@ETC@", str(site.etc))
    text = text.replace("@FIELDS@", FIELDS)
    for name, value in values.items():
        text = text.replace(f"@{name}!r@", repr(value))
    return text


def source_of(module: ModuleType) -> str:
    """Return a module's source without its imports, because typing would slow each call."""
    package, _, name = module.__name__.rpartition(".")
    source = pkgutil.get_data(package, f"{name}.py") or b""
    body = source.decode("utf-8").partition("from __future__ import annotations\n")[2]
    return re.sub(r"(?m)^(import|from) .*\n", "", body).strip()
