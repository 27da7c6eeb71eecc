"""The subject of all checks: the project's files, and how its site is set up."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

from django.conf import settings

from django_deploykit.checks.finding import Finding
from django_deploykit.checks.options import Skip, Topology, read_options
from django_deploykit.checks.project_settings import setting_places, settings_files
from django_deploykit.project import Project, nearest_root
from django_deploykit.project.procfile import read_procfile
from django_deploykit.runtime.base.hints import exec_command
from django_deploykit.runtime.bundle.manifest import Process

T = TypeVar("T")


@dataclass(frozen=True)
class Refusals:
    """What trying a build found, by the number of the check that reports it.

    ``unknown`` says why something could not be tried.
    """

    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A project, and what checks need to know in addition to its settings.

    ``tracked`` lists the files that git tracks, or is None if git cannot list them. ``server`` is
    true on a host, ``local`` in the environment ``local``, and ``released`` in a release.
    ``places`` has the file and line of each setting. ``ask`` are the paths or URLs that the site
    should answer, separated by spaces. ``unmigrated``: migrations are pending, as is expected.
    ``refusals`` has what ``bundle`` and ``release`` would refuse, by the number of the check that
    reports it, and ``trial`` waits for more of them. ``locked`` are the names of the locked
    distributions, or None if they are not known here. ``limit`` is the time for each check with
    ``--server``, in seconds. ``known`` keeps what :meth:`once` found out.
    """

    project: Project
    topology: Topology = field(default_factory=Topology)
    skips: tuple[Skip, ...] = ()
    processes: tuple[Process, ...] = ()
    tracked: tuple[str, ...] | None = None
    server: bool = False
    local: bool = False
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    ask: str = ""
    unmigrated: bool = False
    released: bool = False
    refusals: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    trial: Callable[[], Refusals] | None = None
    locked: frozenset[str] | None = None
    limit: float = 20.0
    known: dict[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def root(self) -> Path:
        """The folder of manage.py."""
        return self.project.root

    @property
    def in_tree(self) -> bool:
        """Whether this is the working copy of a project, not a release."""
        return not (self.server or self.released)

    def once(self, name: str, find: Callable[[], T]) -> T:
        """Return what ``find`` returns, called only once for all checks of this subject."""
        if name not in self.known:
            self.known[name] = find()
        return cast("T", self.known[name])

    def place(self, setting: str) -> tuple[str, int]:
        """Return the file, relative to the project, and the line that sets a setting."""
        return self.places.get(setting, ("", 0))

    def command(self, name: str) -> str:
        """Return the command of a process in the Procfile, or an empty string."""
        return next((one.command for one in self.processes if one.name == name), "")

    def inside(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path is in the project's folder."""
        return Path(os.path.abspath(path)).is_relative_to(self.root)

    def has_distribution(self, name: str) -> bool:
        """Whether a distribution is locked, or else installed here, as a release has it."""
        if self.locked is not None:
            return name in self.locked
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return False
        return True

    def command_line(self, command: str) -> str:
        """Return how the reader runs a Django command: in a release, with the host's configuration."""
        if not self.released:
            return f"manage.py {command}"
        return exec_command(command, os.environ.get("DEPLOYKIT_RELEASE", ""))

    def installed(self, *apps: str) -> bool:
        """Whether one of these apps is in INSTALLED_APPS."""
        return any(app in settings.INSTALLED_APPS for app in apps)


def today() -> str:
    """Return today's date in UTC, such as ``2027-01-31``."""
    return datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()


def find_root() -> Path:
    """Return the folder of the project whose settings are loaded, or else of the current project.

    This is for ``check --deploy``, which does not tell checks which manage.py runs.
    """
    here = Path.cwd()
    folders = [*(Path(path).resolve().parent for path in settings_files(here)[:1]), here]
    return next(filter(None, map(nearest_root, folders)), here)


def read_subject(project: Project, *, server: bool = False) -> Subject:
    """Return the subject of a project. Raise :class:`Problems` for mistakes in its files."""
    root = project.root
    topology, skips = read_options(project.ini)
    local = os.environ.get("DEPLOYKIT_ENVIRONMENT") == "local"
    return Subject(
        project,
        replace(topology, tls="none") if local else topology,
        skips,
        read_procfile(root / "Procfile"),
        None if server else tracked_files(root),
        server,
        local,
        setting_places(root),
        released=bool(os.environ.get("DEPLOYKIT_RELEASE")),
    )


def tracked_files(root: Path) -> tuple[str, ...] | None:
    """Return the files below ``root`` that git tracks, or None if git cannot list them."""
    text = git_output(root, "ls-files", "-z")
    return None if text is None else tuple(filter(None, text.split("\0")))


def git_output(root: Path, *words: str) -> str | None:
    """Return the output of a git command in a folder, or None if it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else os.fsdecode(done.stdout)
