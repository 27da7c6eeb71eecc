"""Checks for what ``bundle`` and ``release`` would refuse, as far as files can show it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import settings_sources
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import configs


@check("E821")
def mistakes_in_deploykit_ini(subject: Subject) -> Iterator[Finding]:
    """deploykit.ini has a mistake in a section that bundle or release reads.

    They refuse to start. A mistake in [check] stops deploy_check itself.
    """
    yield from subject.refusals.get("E821", ())


@check("W822")
def no_repository(subject: Subject) -> Iterator[Finding]:
    """The project is not in a git repository.

    A bundle is built from a commit, so there can be none.
    """
    if subject.in_tree and subject.tracked is None:
        yield Finding(
            "the project is not in a git repository that git can read, "
            "and a bundle is built from a commit",
            "Run git init && git add . && git commit, or see what `git status` says here.",
        )


@check("E823")
def not_locked(subject: Subject) -> Iterator[Finding]:
    """The dependencies of the project are not locked.

    A bundle contains the packages of a lock file, with hashes, so that the same commit always gives
    the same bundle.
    """
    yield from subject.refusals.get("E823", ())


@check("E824")
def untracked_files(subject: Subject) -> Iterator[Finding]:
    """git does not track a file that a bundle needs.

    A bundle is built only from the commit.
    """
    if not subject.in_tree or subject.tracked is None:
        return
    needed = [one.path for one in subject.refusals.get("E824", ())]
    for name in ("manage.py", "Procfile", "deploykit.ini", *needed):
        if name not in subject.tracked and (subject.root / name).is_file():
            yield Finding(
                f"git does not track {name}, so no bundle includes it",
                f"Run git add {name}.",
                path=name,
            )


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
