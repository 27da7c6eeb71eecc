"""The extra ``deploy``: packages that only building and releasing need."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from django_deploykit.errors import DeployKitError

# rich is not needed: without it, progress is plain lines.
BUILDING = ("packaging", "uv", *(("tomli",) if sys.version_info < (3, 11) else ()))
SHIPPING = (*BUILDING, "fabric")


def need_extra(command: str, modules: tuple[str, ...]) -> None:
    """Raise :class:`DeployKitError` if packages that a command needs are not installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise DeployKitError(
            f"{command} needs {' and '.join(missing)}: pip install 'django-deploykit[deploy]'"
        )
