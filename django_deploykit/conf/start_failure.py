"""Why a project does not start, in one line with file and line, from an exception's traceback."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import NamedTuple

from django_deploykit.conf.class_settings import class_hint
from django_deploykit.conf.secret import HIDDEN

_CORRECT = "Correct it there."
_LOGIN = r"(://)[^\s/@]+@"
_LIBRARY = (os.sep + "site-packages" + os.sep, os.sep + os.path.join("lib", "python"))


class StartFailure(NamedTuple):
    """What failed, the file and the line, the exception as text, and what to do next."""

    what: str
    path: str
    line: int
    reason: str
    hint: str = _CORRECT

    def __str__(self) -> str:
        return f"{self.what}: {self.path}:{self.line}: {self.reason}"


def in_settings(error: BaseException) -> bool:
    """Whether an exception was raised while Django imported the settings, which are not loaded."""
    from django.conf import settings

    names = {_module(frame) for frame, _ in _frames(error.__traceback__)}
    return not settings.configured and "django.conf" in names


def start_failure(error: BaseException) -> StartFailure | None:
    """Return why the project does not start, or None for an error of a command of ours."""
    places: list[tuple[str, int]] = []
    modules, app = set(), ""
    for frame, line in _frames(error.__traceback__):
        module = _module(frame)
        modules.add(module)
        if module == "django.apps.config" and frame.f_code.co_name == "create":
            app = str(frame.f_locals.get("entry", ""))
            places += _place_of_app(app)
        if not (frame.f_code.co_filename.startswith("<") or module.startswith("django_deploykit.")):
            places.append((frame.f_code.co_filename, line))
    if any(name.startswith("django_deploykit.management.commands") for name in modules):
        return None
    what = "the settings do not load" if "django.conf" in modules else "the project does not start"
    if "logging.config" in modules:
        what = "LOGGING cannot be set up"
    if app:
        what += f" with {app} of INSTALLED_APPS"
    return StartFailure(what, *_nearest_own(error, places), _reason(error), _hint(error))


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _place_of_app(entry: str) -> list[tuple[str, int]]:
    """Return the file and the line of the settings that name an app, or an empty list."""
    from django.conf import settings

    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    file = getattr(module, "__file__", None) or ""
    line = _line_with(file, entry)
    return [(file, line)] if line else []


def _place_of_settings() -> tuple[str, int]:
    """Return manage.py and the line that names the settings module, or else the first one."""
    file = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    if os.path.basename(file) != "manage.py":
        file = "manage.py"
    return file, _line_with(file, os.environ.get("DJANGO_SETTINGS_MODULE", "")) or 1


def _line_with(file: str, text: str) -> int:
    """Return the number of the first line of a file that has a text in quotes, or 0."""
    quoted = (f'"{text}"', f"'{text}'")
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            found = (n for n, line in enumerate(lines, 1) if any(one in line for one in quoted))
            return next(found, 0)
    except OSError:
        return 0


def _nearest_own(error: BaseException, places: list[tuple[str, int]]) -> tuple[str, int]:
    """Return the last of the places in the project's own files: ``("shop/settings.py", 14)``."""
    own = [place for place in places if not any(part in place[0] for part in _LIBRARY)]
    file, line = own[-1] if own else _place_of_settings()
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno or line
    relative = os.path.relpath(file)
    return (file if relative.startswith("..") else relative), line


def _reason(error: BaseException) -> str:
    """Return an exception as one line, without logins in URLs."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    because = f" ({error.__cause__})" if error.__cause__ else ""
    line = " ".join(f"{type(error).__name__}: {text}{because}".split()).removesuffix(":")
    return re.sub(_LOGIN, rf"\1{HIDDEN}@", line)


def _hint(error: BaseException) -> str:
    """Return what to do next."""
    if isinstance(error, SystemExit):
        return "Settings must not end the program. Raise an exception that says what is wrong."
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Correct the name, or install what {error.name} belongs to in {sys.prefix}."
    frames = list(_frames(error.__traceback__))
    if isinstance(error, KeyError) and frames and _module(frames[-1][0]) == "os":
        return f"Set the environment variable {error.args[0]}, or give it a default there."
    from django_deploykit.runtime.base.libraries import missing_library_hint

    reason = _reason(error)
    return missing_library_hint(reason) or class_hint(reason) or _CORRECT
