"""``python -m django_deploykit init``: shows what a project lacks for its first release, and adds it."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django

from django_deploykit.bundle.locks import READERS
from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.discovery import Place, find_lock, read_lock, validate_lock
from django_deploykit.bundle.locks.making import source_names
from django_deploykit.bundle.run_uv import run_uv
from django_deploykit.bundle.source import git
from django_deploykit.conf.settings_module import application_files
from django_deploykit.errors import DeployKitError, ProjectError
from django_deploykit.init import HELP
from django_deploykit.init.apply import VENDOR, apply, missing_wheel
from django_deploykit.init.dependencies import Locking, plan_locking
from django_deploykit.init.diff import diff_lines
from django_deploykit.init.files import DEV_INI
from django_deploykit.init.imports import used_requirements
from django_deploykit.init.plan import Known, Plan, make_plan
from django_deploykit.management.console import Console, run_command
from django_deploykit.project import Project, default_settings, find_project
from django_deploykit.project.naming import as_name, repository_of


def arguments() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m django_deploykit init", description=HELP)
    parser.add_argument("--plan", action="store_true", help="only show the changes")
    parser.add_argument(
        "--lock", action="store_true", help="only make the lock file that the project lacks"
    )
    parser.add_argument("--noinput", action="store_true", help="do not ask before the changes")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command in the current folder. Return the exit code."""
    options = arguments().parse_args(argv)
    console = Console()
    return run_command(lambda: _run(options, console), console)


def _run(options: argparse.Namespace, console: Console) -> int:
    project = find_project(Path.cwd(), named=False)
    with tempfile.TemporaryDirectory(prefix="deploykit-wheel-") as folder:
        return _prepare(project, own_wheel(project.root, Path(folder)), options, console)


def _prepare(
    project: Project, wheel: Path | None, options: argparse.Namespace, console: Console
) -> int:
    plan = lock_plan(project, wheel) if options.lock else plan_for(project, wheel)
    for line in diff_lines(plan):
        console.print(line)
    for note in plan.notes:
        console.print(f"* {note}")
    missing = missing_wheel(project.root, plan, wheel)
    if plan.empty and missing is None:
        console.print("nothing to change", "good")
        return 0
    if options.plan:
        return 0
    if not options.noinput:
        if not sys.stdin.isatty():
            raise DeployKitError("nothing was changed", "Confirm the changes with --noinput.", 2)
        if not console.ask("Make these changes?"):
            console.print("nothing was changed")
            return 1
    with console.step("change"):
        apply(project.root, plan, wheel)
    wheels = [os.path.relpath(missing, project.root)] if missing else []
    changed = sorted({*plan.files, *plan.locking.locked, *wheels})
    console.print("changed " + ", ".join(changed), "good")
    for line in result(project, plan.locking):
        console.print(line)
    for line in next_steps(plan) if not options.lock else ():
        console.print(line)
    return 0


def lock_plan(project: Project, wheel: Path | None) -> Plan:
    """Return the plan that only locks the dependencies."""
    locking = _locking(project, wheel)
    before = {
        path: old for path in locking.files if (old := _text(project.root / path)) is not None
    }
    changed = {path: new for path, new in locking.files.items() if before.get(path) != new}
    return Plan(changed, before, locking, (locking.advice,) if locking.advice else ())


def _locking(project: Project, wheel: Path | None) -> Locking:
    """Return how to lock, in the nearest folder that has a list of dependencies."""
    elsewhere = _lock_elsewhere(project)
    folder = "" if elsewhere else sources_folder(project.root, repository_of(project.root))
    return plan_locking(
        lambda path: _text(project.root / folder / path),
        requirement=f"./{VENDOR}/{wheel.name}" if wheel else "django-deploykit",
        known=lambda: used_requirements(
            project.root, ".".join(map(str, django.VERSION[:2])) + ".0"
        ),
        python=".".join(map(str, sys.version_info[:2])),
        folder=folder,
        elsewhere=elsewhere,
    )


def sources_folder(root: Path, top: Path) -> str:
    """Return the path from a project to the folder that has its list of dependencies.

    It is the project's own, or the nearest one above in the repository, ``top``.
    """
    names = source_names()
    folders = [one for one in (root, *root.parents) if one == root or one.is_relative_to(top)]
    found = next((one for one in folders if any((one / name).is_file() for name in names)), root)
    return os.path.relpath(found, root)


def result(project: Project, locking: Locking) -> Iterator[str]:
    """Yield what the new lock file has, as ``bundle`` will read it."""
    for path in locking.locked:
        folder, name = os.path.split(path)
        place = Place.of(project.root / folder, name)
        if name in READERS:
            wanted = Wanted(project.extras, project.groups, project=project.root)
            lock = read_lock(place.folder, place.name, wanted)
            validate_lock(lock, allow_unhashed=project.allow_unhashed, hint=place.hint)
            left = f"; left out: {', '.join(lock.left_out)}" if lock.left_out else ""
            yield f"{path} has {len(lock.requirements)} distributions{left}"
            if git(project.root, "check-ignore", "--", path, fail=False):
                yield f"git ignores {path}: remove the pattern from .gitignore, and commit the file"


def plan_for(project: Project, wheel: Path | None) -> Plan:
    """Return the plan for a project. ``wheel`` is where we were installed from, if not an index.

    Raise :class:`ProjectError` if the settings cannot be read.
    """
    used = default_settings(project.root)
    if not project.settings:
        raise ProjectError(
            "manage.py names no settings module",
            "Name it in deploykit.ini: settings = shop.settings, below [project].",
        )
    known = Known(
        name=project.name or as_name(project.root.resolve().name) or "shop",
        named=bool(project.name),
        settings=project.settings,
        used=used,
        locking=_locking(project, wheel),
        servers=_servers(project),
        virtualenv=virtualenv_to_ignore(project.root, Path(sys.prefix)),
        ignored=lambda path: _ignored(project.root, path),
        new_key=lambda: secrets.token_urlsafe(50),
        configuration=project.configuration,
    )
    try:
        return make_plan(known, lambda path: _text(project.root / path))
    except SyntaxError as error:
        raise ProjectError(
            f"{project.settings} is not Python: line {error.lineno}: {error.msg}"
        ) from None
    except LookupError as error:
        raise ProjectError(f"there is no settings module {error}") from None


def _lock_elsewhere(project: Project) -> str:
    """Return the path of a lock file that is not one of the usual ones next to manage.py, or ""."""
    words = ["git", "rev-parse", "--show-toplevel", "--show-prefix"]
    done = subprocess.run(words, cwd=project.root, capture_output=True, text=True)
    top, prefix = done.stdout.split("\n")[:2] if done.returncode == 0 else (str(project.root), "")
    path = find_lock(project, prefix, lambda one: Path(top, one).is_file())
    if not path or (path.startswith(prefix) and not project.lock):
        return ""
    return os.path.relpath(Path(top, path), Path(top, prefix))


def next_steps(plan: Plan) -> Iterator[str]:
    """Yield what the user does next."""
    yield "Next:"
    if plan.development:
        yield f"  {plan.development}={DEV_INI} python manage.py runserver    # development, from now on"
    if plan.locking.command:
        yield f"  {plan.locking.command}"
    yield '  git add -A && git commit -m "Prepare for releases"'
    yield "  python manage.py deploy_check                    # is it fit for production?"
    yield "  python manage.py release                         # live on this machine"


def own_wheel(root: Path, out: Path) -> Path | None:
    """Return the wheel that the project takes us from, or None for a package index.

    It is the one in ``vendor/``, or else the file or folder that we were installed from; a folder
    is built into a wheel in ``out``.
    Source: the ``direct_url.json`` of PyPA's "Recording the Direct URL Origin".
    """
    if kept := sorted((root / VENDOR).glob("django_deploykit-*.whl")):
        return kept[-1]
    text = distribution("django-deploykit").read_text("direct_url.json")
    url = urlsplit(json.loads(text)["url"] if text else "")
    path = Path(unquote(url.path))
    if url.scheme != "file" or not path.exists():
        return None
    return path if path.is_file() else _built(path, out)


def _built(folder: Path, out: Path) -> Path:
    run_uv(
        ["build", "-q", "--wheel", "--out-dir", str(out), str(folder)], folder, "building the wheel"
    )
    return next(out.glob("*.whl"))


def _servers(project: Project) -> tuple[str, ...]:
    """Return the paths of wsgi.py and asgi.py if they name the settings."""
    found = application_files(project.root)
    naming = [one for one in found if project.settings in (_text(one) or "")]
    return tuple(one.relative_to(project.root).as_posix() for one in naming)


def virtualenv_to_ignore(root: Path, prefix: Path) -> str:
    """Return the path of the virtualenv below the project if git would add it, or ""."""
    root = root.resolve()
    if prefix == root or not prefix.is_relative_to(root):
        return ""
    path = prefix.relative_to(root).as_posix()
    # Newer tools write a .gitignore into the folder, which does not ignore the folder itself.
    return "" if _ignored(root, path) or _ignored(root, f"{path}/pyvenv.cfg") else path


def _ignored(root: Path, path: str) -> bool:
    """Whether git ignores a path, or .gitignore has it literally if this is not a repository."""
    words = ["git", "check-ignore", "-q", "--no-index", path.strip("/")]
    done = subprocess.run(words, cwd=root, capture_output=True)
    if done.returncode in (0, 1):
        return done.returncode == 0
    lines = (_text(root / ".gitignore") or "").splitlines()
    return path.strip("/") in {line.strip().strip("/") for line in lines}


def _text(path: Path) -> str | None:
    """Return a file's text with its line ends, or None if it is no file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None
