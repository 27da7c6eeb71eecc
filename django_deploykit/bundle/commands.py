"""Running the project in the export with the locked environment.

This runs its build commands, and loads it once to collect static files and facts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.files import all_files
from django_deploykit.bundle.load_errors import MissingModuleError, load_error, more_required
from django_deploykit.bundle.project_side import ask_project_traced
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.subprocesses import run_program
from django_deploykit.errors import BundleError
from django_deploykit.project import Project
from django_deploykit.runtime.wire.reader import parse

# What asking the project writes next to the export: the answer, the trace, and temporary files.
WRITTEN = ("answer.json", "trace.json", "tmp")
_MISSING = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)
_TAIL = 30  # lines of a failed command's output that are shown
# The variables of the caller's environment that the project sees; secrets are not passed on.
_PASSED = ("HOME", "PATH", "SSL_CERT_FILE", "TMPDIR")
# The variables that front-end builds need to reach their registry.
_FOR_BUILDS = (
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NO_PROXY",
)


@dataclass(frozen=True)
class ProjectAnswer:
    """What ``ask_project`` found out about the project.

    ``stray`` lists the files that loading the project left in the
    export, except for collected static files. ``trace`` is what the project accessed, as written
    by ``ask_project_traced``, or None if that is unknown.
    """

    facts: ProjectFacts
    stray: tuple[str, ...]
    trace: tuple[tuple[str, str], ...] | None = None


def command_environment(
    project: Project, environment: InstalledEnvironment, *, build: bool = False
) -> dict[str, str]:
    """Return the environment variables for the project's commands, with the locked Python."""
    return project_environment(project, str(environment.folder / "venv"), build=build)


def project_environment(project: Project, venv: str, *, build: bool = False) -> dict[str, str]:
    """Return the environment variables for the project's commands.

    The programs of the virtualenv ``venv`` are first in PATH. Secrets are not passed on: what the
    settings need has the values of ``[bundle] environment``.
    """
    passed = {
        key: value
        for key, value in os.environ.items()
        if key in _PASSED or (build and _for_builds(key))
    }
    env = {**passed, **dict(project.environment)}
    env |= {
        "PATH": f"{venv}/bin:{env.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": venv,
        "DEPLOYKIT_BUILD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    if project.settings:
        env["DJANGO_SETTINGS_MODULE"] = project.settings
    if project.configuration:
        env["DJANGO_CONFIGURATION"] = project.configuration
    return env


def _for_builds(key: str) -> bool:
    return key.upper() in _FOR_BUILDS or key.lower().startswith("npm_config_")


def run_build(
    command: str, project: Project, environment: InstalledEnvironment, folder: Path, hint: str = ""
) -> None:
    """Run one line of ``[bundle] build`` or ``after_collectstatic`` in ``folder``."""
    env = command_environment(project, environment, build=True)
    done = run_program(command, folder, env, merge=True)
    if done.returncode:
        text = f"the build command failed with exit code {done.returncode}: {command}\n"
        text += _tail(done.stdout)
        hint = hint or "It ran in a clean export of the commit: commit the files that it needs."
        missing = _MISSING.search(done.stdout)
        raise MissingModuleError(text, hint, missing[1]) if missing else BundleError(text, hint)


def ask(
    project: Project,
    environment: InstalledEnvironment,
    folder: Path,
    place: Path,
    earlier: str = "",
) -> ProjectAnswer:
    """Load the project once with the locked environment, to collect its static files and facts.

    ``place`` is the temporary folder that contains the export. Collecting writes only there.
    ``earlier`` is JSON for ``watch_collecting``, if only some files are collected.
    """
    answer, trace, temporary = (place / name for name in WRITTEN)
    temporary.mkdir(exist_ok=True)
    before = set(all_files(folder))
    command = [environment.python, str(Path(ask_project_traced.__file__))]
    command += [str(answer), str(trace), str(place.resolve())]
    if earlier:
        (temporary / "earlier.json").write_text(earlier, encoding="utf-8")
        command.append(str(temporary / "earlier.json"))
    env = enclosed(command_environment(project, environment), place)

    def load(given: Mapping[str, str]) -> ProjectFacts:
        return read_facts(answer, run_program(command, folder, {**env, **given}, merge=True))

    facts = load({})
    if facts.problem:
        raise load_error(facts, folder, project.name, more_required(facts, folder, load))
    static = facts.static_root and os.path.relpath(facts.static_root, folder.resolve())
    stray = [
        path
        for path in all_files(folder)
        if path not in before and not (static and path.startswith(f"{static}/"))
    ]
    return ProjectAnswer(facts, tuple(stray), _trace(trace))


def enclosed(env: dict[str, str], place: Path) -> dict[str, str]:
    """Return the variables for a project that is loaded in an export below ``place``.

    An export is not in a repository, even if the temporary folder is.
    """
    temporary = str(place / WRITTEN[-1])
    return {**env, "GIT_CEILING_DIRECTORIES": str(place.resolve()), "TMPDIR": temporary}


def read_facts(answer: Path, done: subprocess.CompletedProcess[str]) -> ProjectFacts:
    """Return the facts that loading the project wrote."""
    try:
        text = answer.read_bytes()
    except OSError:
        raise BundleError(
            f"the project cannot be started (exit code {done.returncode}):\n{_tail(done.stdout)}"
        ) from None
    return parse(ProjectFacts, text, "the facts of the project")


def _trace(path: Path) -> tuple[tuple[str, str], ...] | None:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the project ended the process itself
    return tuple((event, name) for event, name in rows)


def _tail(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines()[-_TAIL:])
