"""Checks for what ``bundle`` and ``release`` would refuse, as far as files can show it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.process_lines import iter_line_problems
from django_deploykit.checks.project_settings import settings_sources
from django_deploykit.checks.served import why_no_asgi_server
from django_deploykit.checks.subject import Refusals, Subject, git_output
from django_deploykit.conf import configs
from django_deploykit.project.procfile import NO_ASGI_SERVER


@check("E821")
def mistakes_in_deploykit_ini(subject: Subject) -> Iterator[Finding]:
    """deploykit.ini has a mistake in a section that bundle or release reads.

    They refuse to start. A mistake in [check] stops deploy_check itself.
    """
    yield from subject.refusals.get("E821", ())


def _tried(subject: Subject, key: str) -> Iterator[Finding]:
    """Yield what trying a build found. Raise :class:`Undecided` if it could not be tried."""
    trial = subject.trial() if subject.trial else Refusals()
    yield from trial.findings.get(key, ())
    if key in trial.unknown:
        raise Undecided(trial.unknown[key])


@check("E822")
def no_commit(subject: Subject) -> Iterator[Finding]:
    """The project is not in a git repository, or nothing is committed.

    A bundle is built from a commit, so there can be none.
    """
    yield from _tried(subject, "E822")


@check("W840")
def modified_files(subject: Subject) -> Iterator[Finding]:
    """Tracked files differ from the last commit.

    Without `--rev`, `bundle` and `release` refuse. The other checks read the files as they are now.
    """
    yield from _tried(subject, "W840")


@check("E841")
def no_export(subject: Subject) -> Iterator[Finding]:
    """The files of the commit cannot be exported.

    Submodules are not checked out, files of git LFS are missing, a filter changes files, or a link
    leaves the repository.
    """
    yield from _tried(subject, "E841")


@check("E842")
def does_not_load(subject: Subject) -> Iterator[Finding]:
    """The project does not load from its tracked files, as a build loads it.

    A build has no variables of the environment, no untracked files and only locked packages. The
    settings, the apps, the URLs and the application are loaded, and static files are collected in a
    copy.
    """
    yield from _tried(subject, "E842")


@check("E843")
def process_cannot_start(subject: Subject) -> Iterator[Finding]:
    """A process of the Procfile cannot start.

    Its program is not locked, refuses its arguments, or is a file that git does not track; or the
    web line, or a file that it names, has an option that no release can use. The arguments of
    gunicorn, uvicorn, daphne, hypercorn, uWSGI and waitress are read by these servers themselves.
    """
    if not subject.in_tree:
        return
    for process in subject.processes:
        for problem, hint in iter_line_problems(process, subject.root, subject.tracked):
            yield Finding(f"the process {process.name}: {problem}", hint, path="Procfile")
    for one in _tried(subject, "E843"):
        if not (one.message.startswith(NO_ASGI_SERVER) and why_no_asgi_server(subject)):
            yield one  # E830 reports the others


@check("E844")
def logs_in_as_root(subject: Subject) -> Iterator[Finding]:
    """deploykit.ini names root as the user that releases.

    A release refuses this, because the deploy user could not replace the files that root leaves.
    """
    yield from subject.refusals.get("E844", ())


@check("W845")
def incomplete_wheel(subject: Subject) -> Iterator[Finding]:
    """The wheel that the project builds of itself lacks files that git tracks.

    Templates, static files and translations are then missing where this wheel is installed, although
    they are in every checkout. A project builds a wheel if its pyproject.toml, setup.cfg or setup.py
    names a distribution and a build backend. Its backend builds the wheel in a copy of the tracked
    files. Bundles have all of these files, in every format. If nobody installs this wheel, skip the
    check: nothing is built then.
    """
    yield from _tried(subject, "W845")


@check("E823")
def not_locked(subject: Subject) -> Iterator[Finding]:
    """The dependencies of the project are not locked.

    A bundle contains the packages of a lock file, with hashes, so that the same commit always gives
    the same bundle.
    """
    found = subject.refusals.get("E823", ())
    yield from found or _tried(subject, "E823")


@check("W117")
def other_versions(subject: Subject) -> Iterator[Finding]:
    """Django or an app is installed here in another version than the lock file has.

    The checks, and the tests of the project, then ran with other code than a release has. Patch
    releases do not count.
    """
    yield from _tried(subject, "W117")


@check("E824")
def untracked_files(subject: Subject) -> Iterator[Finding]:
    """git does not track a file that a bundle needs.

    A bundle is built only from the commit.
    """
    if not subject.in_tree or subject.tracked is None:
        return
    needed = [one.path for one in subject.refusals.get("E824", ())]
    migrations = _migrations(subject)
    for name in ("manage.py", "Procfile", "deploykit.ini", *needed, *migrations):
        if name not in subject.tracked and (subject.root / name).is_file():
            ignored = git_output(subject.root, "check-ignore", "-q", "--", name) is not None
            first = "Remove the pattern of .gitignore that ignores it. " if ignored else ""
            yield Finding(
                f"git {'ignores' if ignored else 'does not track'} {name}, so no bundle includes it",
                f"{first}Run git add {shlex.quote(name)}.",
                path=name,
            )


def _migrations(subject: Subject) -> list[str]:
    """Return the files of the project's own migrations. Without them, a release misses tables."""
    own = (Path(one.path) for one in apps.get_app_configs() if subject.inside(one.path))
    found = (path for folder in own for path in sorted(folder.glob("migrations/[!_]*.py")))
    return [
        os.path.relpath(path, subject.root) for path in found if "site-packages" not in path.parts
    ]


@check("E825")
def different_name(subject: Subject) -> Iterator[Finding]:
    """The Config of the settings has another name than the project has on hosts.

    A release uses /etc/<project>/<project>.ini, but the settings read another file.
    """
    names = [config.app for config in configs()]
    if not names or not subject.in_tree:
        return
    project = subject.project
    if project.name and project.name not in names and not project.problems:  # E821 has these
        path, line = _config_place(subject, names[0])
        yield Finding(
            f"Config({names[0]!r}) reads /etc/{names[0]}/{names[0]}.ini, "
            f"but the name of the project on hosts is {project.name}",
            f"Write `name = {names[0]}` in [project] of deploykit.ini, or Config({project.name!r}).",
            path=path,
            line=line,
        )


def _config_place(subject: Subject, name: str) -> tuple[str, int]:
    """Return the file and line that create the settings' Config."""
    wanted = re.compile(rf"""\bConfig\(\s*['"]{re.escape(name)}['"]""")
    for path in settings_sources(subject.root):
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        if match := wanted.search(text):
            return os.path.relpath(path, subject.root), text.count("\n", 0, match.start()) + 1
    return "", 0
