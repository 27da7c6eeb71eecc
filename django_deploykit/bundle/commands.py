"""The project's own commands, run in the export with the locked environment: its build, and one that asks it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_deploykit.bundle.environment import Environment
from django_deploykit.bundle.project_side import ask_project_traced
from django_deploykit.bundle.subprocesses import run_child
from django_deploykit.errors import BundleError
from django_deploykit.project import Project

_TAIL = 30  # lines of a failed command that are shown
# What the project's commands see of the caller's environment: no secret is among it.
_PASSED = ("HOME", "PATH", "SSL_CERT_FILE", "TMPDIR")
# And what a front-end build needs to reach its registry.
_FOR_BUILDS = (
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NO_PROXY",
)


@dataclass(frozen=True)
class Answer:
    """What the project said of itself, and which files it wrote that belong to nobody.

    ``trace`` is what it looked at to say so, as ``traced`` tells it; None where that is not known.
    """

    facts: dict[str, Any]
    stray: tuple[str, ...]
    trace: tuple[tuple[str, str], ...] | None = None


def scrubbed(project: Project, environment: Environment, *, build: bool = False) -> dict[str, str]:
    """Return the environment for the project's own commands: the locked Python first, no secrets."""
    env = {key: os.environ[key] for key in _PASSED if key in os.environ}
    if build:
        env |= {key: value for key, value in os.environ.items() if _for_builds(key)}
    binaries = str(environment.folder / "venv" / "bin")
    env |= {
        "PATH": f"{binaries}:{env.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(environment.folder / "venv"),
        "DEPLOYKIT_BUILD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    if project.settings:
        env["DJANGO_SETTINGS_MODULE"] = project.settings
    return env


def _for_builds(key: str) -> bool:
    return key.upper() in _FOR_BUILDS or key.lower().startswith("npm_config_")


def run_build(command: str, project: Project, environment: Environment, folder: Path) -> None:
    """Run one line of ``[bundle] build`` in the export."""
    done = run_child(command, folder, scrubbed(project, environment, build=True), merge=True)
    if done.returncode:
        raise BundleError(
            f"the build command failed with exit code {done.returncode}: {command}\n"
            f"{_tail(done.stdout)}",
            "It ran in a clean export of the commit: what it needs must be committed.",
        )


def ask(project: Project, environment: Environment, folder: Path) -> Answer:
    """Start the project once with the locked environment: what it is, and its static files collected."""
    answer, trace = folder.parent / "answer.json", folder.parent / "trace.json"
    before = set(files_below(folder))
    command = [environment.python, str(Path(ask_project_traced.__file__)), str(answer), str(trace)]
    done = run_child(command, folder, scrubbed(project, environment), merge=True)
    try:
        facts: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BundleError(
            f"the project cannot be started (exit code {done.returncode}):\n{_tail(done.stdout)}"
        ) from None
    if facts["problem"]:
        raise _problem(facts, folder)
    static = facts["static_root"] and os.path.relpath(facts["static_root"], folder.resolve())
    stray = [
        path
        for path in files_below(folder)
        if path not in before and not (static and path.startswith(f"{static}/"))
    ]
    return Answer(facts, tuple(stray), _trace(trace))


def _trace(path: Path) -> tuple[tuple[str, str], ...] | None:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the project ended its process in a way of its own
    return tuple((event, name) for event, name in rows)


def files_below(folder: Path) -> list[str]:
    """Return the files that may go into the bundle, relative to the export, sorted.

    Bytecode is made anew, and what a front-end build installed for itself is no part of the site.
    """
    found = []
    for path, names, files in os.walk(folder):
        names[:] = [one for one in names if one not in ("__pycache__", ".git", "node_modules")]
        base = os.path.relpath(path, folder)
        found += [
            os.path.normpath(os.path.join(base, name))
            for name in files
            if not name.endswith(".pyc")
        ]
    return sorted(found)


def _tail(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines()[-_TAIL:])


_STAGES = {
    "settings": (
        "the settings do not import",
        "They must import without secrets: DEPLOYKIT_BUILD=1 is set while building.",
    ),
    "setup": (
        "Django cannot be set up with the locked dependencies",
        "Is everything that the project imports in the lock?",
    ),
    "facts": ("the settings cannot be read", ""),
    "collectstatic": ("collectstatic failed", "Try: manage.py collectstatic --dry-run --noinput"),
}


def _problem(facts: dict[str, Any], folder: Path) -> BundleError:
    what, hint = _STAGES.get(facts["stage"], ("the project cannot be started", ""))
    where = f"{facts['where']}: " if facts["where"] else ""
    problem = str(facts["problem"]).replace(f"{folder.resolve()}{os.sep}", "")
    problem = problem.replace(f"{folder}{os.sep}", "")
    if "ModuleNotFoundError" in problem:
        hint = "Add what is missing to the lock, or take it out of INSTALLED_APPS."
    return BundleError(f"{what}: {where}{problem}", facts.get("hint") or hint)
