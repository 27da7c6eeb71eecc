"""What only building and releasing need: the extra ``deploy``, and a system like Unix."""

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


def need_posix(command: str, system: str = sys.platform) -> None:
    """Raise :class:`DeployKitError` on Windows, for a command that does not run there."""
    if system == "win32":
        raise DeployKitError(
            f"{command} does not run on Windows: there, deploy_check works without --server,"
            " and WSL (Windows Subsystem for Linux) runs everything else"
        )
