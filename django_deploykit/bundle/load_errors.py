"""Explains why a project could not be loaded in an export of its commit."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from django_deploykit.conf.class_settings import class_hint
from django_deploykit.conf.replacements import reader_for
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.libraries import missing_library_hint

_STAGES = {
    "manage.py": (
        "manage.py cannot be run with the locked dependencies",
        "Does the lock file have everything that manage.py imports?",
    ),
    "settings": (
        "the settings do not import",
        "They must import without secrets: DEPLOYKIT_BUILD=1 is set while building.",
    ),
    "setup": (
        "Django cannot be set up with the locked dependencies",
        "Does the lock file have everything that the project imports?",
    ),
    "facts": ("the settings cannot be read", ""),
    "collectstatic": ("collectstatic failed", "Try: manage.py collectstatic --dry-run --noinput"),
    "urls": ("the URLs of the site cannot be loaded", ""),
    "applications": (
        "the application that the process web runs cannot be loaded",
        "Correct the name of the application in the Procfile, or its module.",
    ),
}
# What libraries say about a variable that is not set: django-environ, python-decouple, environs,
# django-configurations.
_NOT_SET = re.compile(
    r"Set the (?P<a>\w+) environment variable|(?P<b>\w+) not found\. Declare it as envvar"
    r"|Environment variable \"(?P<c>\w+)\" not set"
    r"|required to be set as the environment variable '(?P<d>\w+)'"
)
_KEY = re.compile(r"KeyError: '(?P<name>\w+)'")
_READS = re.compile(r"\b(?:environ(?:\.get)?|getenv)\s*[(\[]\s*['\"](?P<name>\w+)['\"]")
# Errors of a database, a cache or another service that is asked while a module is imported.
_SERVICE = re.compile(
    r"(?:[\w.]+\.)?(?:OperationalError|ProgrammingError|InterfaceError|DatabaseError|ConnectionError"
    r"|ConnectionRefusedError|ConnectionDoesNotExist|TimeoutError|gaierror)\b"
)
_NO_SERVICES = (
    "A build has no database and no other service. Ask it in a function that runs later, such as a "
    "view or the __init__ of a form, not while a module is imported."
)


class MissingModuleError(BundleError):
    """The project imports a module that neither the export nor the environment has."""

    def __init__(self, message: str, hint: str, module: str) -> None:
        super().__init__(message, hint)
        self.module = module


def load_error(facts: dict[str, Any], folder: Path, name: str) -> BundleError:
    """Return the error for the facts of a project, ``name``, that did not load in ``folder``."""
    what, hint = _STAGES.get(facts["stage"], ("the project cannot be started", ""))
    where = f"{facts['where']}: " if facts["where"] else ""
    problem = str(facts["problem"]).replace(f"{folder.resolve()}{os.sep}", "")
    problem = problem.replace(f"{folder}{os.sep}", "")
    variable = required_variable(problem, _line(folder, facts["where"]))
    if "ModuleNotFoundError" in problem:
        hint = "Add the package to the lock file, or remove it from INSTALLED_APPS."
    elif variable:
        hint = _remedy(variable, folder, facts["where"], name)
    elif _SERVICE.match(problem):
        hint = _NO_SERVICES
    hint = missing_library_hint(problem) or class_hint(problem) or hint
    text, hint = f"{what}: {where}{problem}", facts.get("hint") or hint
    if facts.get("missing"):
        return MissingModuleError(text, hint, facts["missing"])
    return BundleError(text, hint)


def required_variable(problem: str, line: str) -> str:
    """Return the variable of the environment that an error is about, or an empty string.

    ``problem`` is the type and text of the error, ``line`` the project's line that raised it.

    >>> required_variable("KeyError: 'SECRET_KEY'", "KEY = os.environ['SECRET_KEY']")
    'SECRET_KEY'
    >>> required_variable("KeyError: 'a'", "b['a']")
    ''
    """
    if match := _NOT_SET.search(problem):
        return str(match[match.lastgroup or 0])
    key = _KEY.match(problem)
    if key and "environ" in line:
        return key["name"]
    if problem.startswith(("TypeError", "ValueError", "AttributeError")):
        read = _READS.search(line)
        return read["name"] if read else ""
    return ""


def _line(folder: Path, where: str) -> str:
    """Return the line of a place such as ``shop/settings.py:14``, or an empty string."""
    path, _, number = where.rpartition(":")
    try:
        return (folder / path).read_text(encoding="utf-8").splitlines()[int(number) - 1]
    except (OSError, ValueError, IndexError):
        return ""


def _remedy(variable: str, folder: Path, where: str, name: str) -> str:
    path = folder / where.rpartition(":")[0]
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return (
        f"A build has no variables of the environment. Read it with {reader_for(variable, text, name)}, "
        "which has a placeholder while building (`python -m django_deploykit.conf move` shows how), "
        f"or give it one in [bundle] of deploykit.ini: environment = {variable}=…"
    )
