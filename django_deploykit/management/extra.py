"""The extra ``deploy``: the tools that build and ship, which servers do without."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from django_deploykit.errors import DeployKitError

# Rich is of the extra too, and does not count: without it there are plain lines.
BUILDING = ("packaging", "uv", *(("tomli",) if sys.version_info < (3, 11) else ()))
SHIPPING = (*BUILDING, "fabric")


def need_extra(command: str, modules: tuple[str, ...]) -> None:
    """Refuse a command in one line, before it does anything, where its tools are not installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise DeployKitError(
            f"{command} needs {' and '.join(missing)}: pip install 'django-deploykit[deploy]'"
        )
