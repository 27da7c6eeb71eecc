"""Checks of what ``bundle`` and ``release`` would refuse, as far as the project's files tell it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject, settings_files
from django_deploykit.conf import configs
from django_deploykit.runtime.storage.shell import keeps_shell

_PLACE = re.compile(r"(?P<path>[^:\s][^:]*):(?P<line>\d+): (?P<text>.*)", re.DOTALL)


def placed(problems: Iterable[str], root: Path, hint: str = "") -> tuple[Found, ...]:
    """Return problems that begin with ``file:line:`` as what a check found."""
    found = []
    for problem in problems:
        match = _PLACE.match(problem)
        if match is None:
            found.append(Found(problem, hint))
            continue
        path = os.path.relpath(os.path.join(root, match["path"]), root)
        found.append(Found(match["text"], hint, path=path, line=int(match["line"])))
    return tuple(found)


@check("E819")
def web_behind_shell(subject: Subject) -> Iterator[Found]:
    """The Procfile's web process stays behind a shell.

    The shell gets the listening socket and the signals, and the server neither: a release fails
    where it switches, and a server that is told to finish is killed. dash, Debian's sh, gives way
    to a command in a list only where that says exec.
    """
    yield from _behind_shell(subject, lambda name: name == "web")


@check("W820")
def process_behind_shell(subject: Subject) -> Iterator[Found]:
    """Another process of the Procfile stays behind a shell.

    The shell gets the signal to finish, ends, and what it started is killed in the middle of its
    work.
    """
    yield from _behind_shell(subject, lambda name: name not in ("web", "release"))


def _behind_shell(subject: Subject, meant: Callable[[str], bool]) -> Iterator[Found]:
    for process in subject.processes:
        if meant(process.name) and keeps_shell(process.command):
            migrates = re.search(r"\bmigrate\b", process.command)
            yield Found(
                f"the Procfile's {process.name} runs behind a shell: {process.command}",
                (
                    "Migrate on a line of its own, `release: python manage.py migrate`. "
                    if migrates
                    else ""
                )
                + f"Write `exec` before the last command: `… && exec {_last(process.command)}`.",
                path="Procfile",
                line=_line_of(subject, process.name),
            )


def _last(command: str) -> str:
    return re.split(r"&&|\|\||[;|]", command)[-1].strip(" ()") or command


def _line_of(subject: Subject, name: str) -> int:
    try:
        lines = (subject.root / "Procfile").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    numbers = [
        n for n, line in enumerate(lines.splitlines(), 1) if re.match(rf"\s*{name}\s*:", line)
    ]
    return numbers[0] if numbers else 0


@check("E821")
def mistaken_project(subject: Subject) -> Iterator[Found]:
    """deploykit.ini has a mistake in a section that bundle or release reads.

    They refuse to begin. Mistakes in [check] end the check itself.
    """
    yield from subject.told.get("E821", ())


@check("W822")
def no_repository(subject: Subject) -> Iterator[Found]:
    """The project is not in a git repository.

    A bundle is made of a commit: without one there is none.
    """
    if subject.in_tree and subject.tracked is None:
        yield Found(
            "the project is in no git repository that git can read, and a bundle is made of a commit",
            "git init && git add . && git commit; or see what `git status` says here.",
        )


@check("E823")
def not_locked(subject: Subject) -> Iterator[Found]:
    """The project's dependencies are not locked.

    A bundle holds what a lock file names, with hashes: the same commit then always gives the same.
    """
    yield from subject.told.get("E823", ())


@check("E824")
def left_out_of_git(subject: Subject) -> Iterator[Found]:
    """git does not track a file that a bundle needs.

    The bundle is made of the commit alone, and what lies beside it stays behind.
    """
    if not subject.in_tree or subject.tracked is None:
        return
    lock = [one.path for one in subject.told.get("E824", ())]
    for name in ("manage.py", "Procfile", "deploykit.ini", *lock):
        if name not in subject.tracked and (subject.root / name).is_file():
            yield Found(
                f"git does not track {name}: no bundle has it", f"git add {name}", path=name
            )


@check("E825")
def another_name(subject: Subject) -> Iterator[Found]:
    """The settings' Config has another name than the project has on hosts.

    /etc/<project>/<project>.ini is written and passed on there, and the settings look for another.
    """
    names = [config.app for config in configs()]
    if not names or not subject.in_tree:
        return
    project = subject.project
    if project.name not in names and not project.problems:  # E821 tells those
        path, line = _config_line(subject, names[0])
        yield Found(
            f"Config({names[0]!r}) reads /etc/{names[0]}/{names[0]}.ini, "
            f"but on hosts the project is {project.name}",
            f"Write `name = {names[0]}` in [project] of deploykit.ini, or Config({project.name!r}).",
            path=path,
            line=line,
        )


def _config_line(subject: Subject, name: str) -> tuple[str, int]:
    """Return where the settings make their Config."""
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    wanted = re.compile(rf"""\bConfig\(\s*['"]{re.escape(name)}['"]""")
    for path in settings_files(subject.root, module):
        if not path.endswith(".py"):
            continue
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        if match := wanted.search(text):
            return os.path.relpath(path, subject.root), text.count("\n", 0, match.start()) + 1
    return "", 0
