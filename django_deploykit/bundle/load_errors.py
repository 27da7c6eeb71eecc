"""Explains why a project could not be loaded in an export of its commit."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.conf.class_settings import class_hint
from django_deploykit.conf.replacements import reader_for
from django_deploykit.conf.required_variables import ASSUMED, required_variable
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
_MOST = 50  # variables that one error names
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


def more_required(
    facts: ProjectFacts,
    folder: Path,
    load: Callable[[Mapping[str, str]], ProjectFacts | None],
) -> list[str]:
    """Return the variables that loading requires after the one that stopped it, as far as is known.

    ``load`` loads the project once more with additional variables. It returns its facts, or None.
    """
    given: dict[str, str] = {}
    latest: ProjectFacts | None = facts
    while latest and latest.problem and len(given) < _MOST:
        name = required_variable(latest.problem, _line(folder, latest.where))
        if not name or name in given:
            break
        given[name] = ASSUMED
        latest = load(given)
    return list(given)[1:]


def load_error(
    facts: ProjectFacts, folder: Path, name: str, required: Sequence[str] = ()
) -> BundleError:
    """Return the error for the facts of a project, ``name``, that did not load in ``folder``.

    ``required`` are the variables of ``more_required``.
    """
    what, hint = _STAGES.get(facts.stage, ("the project cannot be started", ""))
    where = f"{facts.where}: " if facts.where else ""
    problem = facts.problem.replace(f"{folder.resolve()}{os.sep}", "")
    problem = problem.replace(f"{folder}{os.sep}", "")
    variable = required_variable(problem, _line(folder, facts.where))
    if "ModuleNotFoundError" in problem:
        hint = "Add the package to the lock file, or remove it from INSTALLED_APPS."
    elif variable:
        hint = _remedy(variable, folder, facts.where, name, required)
    elif _SERVICE.match(problem):
        hint = _NO_SERVICES
    if variable and required:
        problem += f"; then these variables are required, too: {', '.join(required)}"
    hint = missing_library_hint(problem) or class_hint(problem) or hint
    text, hint = f"{what}: {where}{problem}", facts.hint or hint
    if facts.missing:
        return MissingModuleError(text, hint, facts.missing)
    return BundleError(text, hint)


def _line(folder: Path, where: str) -> str:
    """Return the line of a place such as ``shop/settings.py:14``, or an empty string."""
    path, _, number = where.rpartition(":")
    try:
        return (folder / path).read_text(encoding="utf-8").splitlines()[int(number) - 1]
    except (OSError, ValueError, IndexError):
        return ""


def _remedy(
    variable: str, folder: Path, where: str, name: str, required: Sequence[str] = ()
) -> str:
    path = folder / where.rpartition(":")[0]
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    values = " ".join(f"{one}=…" for one in (variable, *required))
    return (
        f"A build has no variables of the environment. Read it with {reader_for(variable, text, name)}, "
        "which has a placeholder while building (`python -m django_deploykit.conf move` shows how), "
        f"or give it one in [bundle] of deploykit.ini: environment = {values}"
    )
