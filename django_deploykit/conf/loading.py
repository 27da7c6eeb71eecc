"""Who reads the configuration: the settings module and its line, found on the stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

# manage.py commands that read settings but serve nobody: required values may be missing for them.
_BUILDING = (
    "bundle",
    "release",
    "deploy_check",
    "collectstatic",
    "compilemessages",
    "makemessages",
)


def is_building(environ: Mapping[str, str]) -> bool:
    """Whether this process builds or judges, so that stand-ins do for what is not there."""
    if environ.get("DEPLOYKIT_BUILD") == "1":
        return True
    return sys.argv[1:2] != [] and sys.argv[1] in _BUILDING and "--server" not in sys.argv


def for_production() -> bool:
    """Whether Django's own ``check --deploy`` runs: it asks how a host would have it."""
    return sys.argv[1:2] == ["check"] and "--deploy" in sys.argv


def never_serve() -> None:
    """Make every request of this process fail: its settings are stand-ins."""
    from django.core.signals import request_started

    request_started.connect(_refuse_request, dispatch_uid="django_deploykit.building")


def _refuse_request(**_: Any) -> None:
    raise RuntimeError(
        "settings loaded for building must not serve requests: unset DEPLOYKIT_BUILD"
    )


def _frames() -> list[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to the caller
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def _outside() -> FrameType | None:
    """Return the nearest frame that is not of this package: the settings' line."""
    for frame in _frames():
        if not frame.f_globals.get("__name__", "").startswith("django_deploykit.conf"):
            return frame
    return None


def caller_folder() -> Path:
    """Return the folder of the module that makes the Config."""
    frame = _outside()
    file = frame.f_globals.get("__file__") if frame else None
    return Path(os.path.dirname(os.path.abspath(file))) if file else Path.cwd()


def caller_line() -> str:
    """Return the settings' line that is read now, ``settings.py:14``."""
    frame = _outside()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""


def loading_settings() -> list[dict[str, Any]]:
    """Return the globals of the modules being imported between here and ``django.conf``."""
    found: list[dict[str, Any]] = []
    for frame in _frames():
        if frame.f_globals.get("__name__") == "django.conf":
            return found
        if frame.f_code.co_name == "<module>":
            found.append(frame.f_globals)
    return []
