"""What loads the settings: the command that runs, and the settings module on the stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import CodeType, FrameType

# Commands that load the settings but serve no requests. Required values may be missing for them.
_BUILDING = (
    "bundle",
    "release",
    "deploy_check",
    "collectstatic",
    "compilemessages",
    "makemessages",
)

_PACKAGE = "django_deploykit.conf"
# What only prints help, or a version.
_HELP = ("help", "--help", "-h", "version", "--version")


def command_line() -> Sequence[str]:
    """Return the command that this process runs, with its options.

    Django loads the settings before any command runs, so only the command line says which command
    it will be. Only this function reads it. See docs/decisions/0029.
    """
    if len(sys.argv) == 1 and os.path.basename(sys.argv[0]) == "manage.py":
        return ("help",)
    return sys.argv[1:]


def is_building(environ: Mapping[str, str], command: Sequence[str]) -> bool:
    """Whether this process only builds or checks. Required values may be missing then."""
    if environ.get("DEPLOYKIT_BUILD") == "1":
        return True
    if not command:
        return False
    # For other commands the word may belong to a command behind them, as in release … exec -- …
    on_host = command[0] == "deploy_check" and "--server" in command
    return (command[0] in _BUILDING and not on_host) or asks_for_help(command)


def asks_for_help(command: Sequence[str]) -> bool:
    """Whether a command only prints help or a version, which works before anything is set.

    Only the word behind a command counts: later ones may belong to another command.
    """
    return command[0] in _HELP or list(command[1:2]) in (["--help"], ["-h"])


def checks_for_production(command: Sequence[str]) -> bool:
    """Whether Django's own ``check --deploy`` runs, which checks the settings of a host."""
    return list(command[:1]) == ["check"] and "--deploy" in command


def never_serve() -> None:
    """Make every request in this process fail, because its settings are placeholders."""
    from django.core.signals import request_started

    request_started.connect(_refuse_request, dispatch_uid="django_deploykit.building")


def _refuse_request(**_: object) -> None:
    raise RuntimeError(
        "settings loaded for building must not serve requests: unset DEPLOYKIT_BUILD"
    )


def _frames() -> list[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to the caller
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def line_of(code: CodeType, instruction: int) -> str:
    """Return the line of an instruction (its offset), as ``settings.py:14``.

    To look it up takes longer than to read a setting, so it is done only where it is shown.
    """
    lines = [line for start, end, line in code.co_lines() if start <= instruction < end]
    return f"{code.co_filename}:{lines[0] if lines else code.co_firstlineno}"


def caller_folder() -> str:
    """Return the folder of the module that creates the Config."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to the caller
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame = frame.f_back
    file = frame.f_globals.get("__file__") if frame else None
    return (
        os.path.dirname(file if os.path.isabs(file) else os.path.abspath(file))
        if file
        else os.getcwd()
    )


def loading_settings() -> list[dict[str, object]]:
    """Return the globals of the modules being imported between here and ``django.conf``."""
    found: list[dict[str, object]] = []
    for frame in _frames():
        if frame.f_globals.get("__name__") == "django.conf":
            return found
        if frame.f_code.co_name == "<module>":
            found.append(frame.f_globals)
    return []
