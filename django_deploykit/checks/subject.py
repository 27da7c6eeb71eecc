"""What is checked: the project's files, what deploykit.ini says of the site, where settings stand."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_deploykit.checks.catalogue import Found
from django_deploykit.conf.ini import Ini
from django_deploykit.errors import Problems
from django_deploykit.project import Project, nearest, nearest_root
from django_deploykit.project.procfile import parse_procfile
from django_deploykit.runtime.bundle.manifest import Process

# The options of [check] in deploykit.ini, with their choices.
OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "tls": (("proxy", "django", "none"), "who ends TLS; `none` for a site without HTTPS"),
    "hsts": (("django", "proxy"), "who sends Strict-Transport-Security"),
    "server": (("wsgi", "asgi"), "how the site is served"),
    "skip": (
        (),
        "ids that are not reported, a line each: `deploykit.W310 the reason, until 2027-01-31`",
    ),
}


@dataclass(frozen=True)
class Topology:
    """How the site stands: what decides which checks make sense."""

    tls: str = "proxy"
    hsts: str = "django"
    server: str = "wsgi"


@dataclass(frozen=True)
class Skip:
    """An id that is not reported, why, and until when (``2027-01-31``, "" for ever)."""

    id: str
    reason: str
    until: str
    where: str


@dataclass(frozen=True)
class Subject:
    """The project in ``root``; ``tracked`` is None where git is not asked, ``server`` on a host.

    ``ask`` is a path or URL that the site should answer, "" where nothing is to be asked. ``told``
    is what ``bundle`` and ``release`` would refuse, by the number of the check that tells it.
    """

    root: Path
    topology: Topology = Topology()
    skips: tuple[Skip, ...] = ()
    processes: tuple[Process, ...] = ()
    tracked: tuple[str, ...] | None = None
    server: bool = False
    local: bool = False
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    ask: str = ""
    released: bool = False
    told: Mapping[str, tuple[Found, ...]] = field(default_factory=dict)
    project: Project = field(default_factory=lambda: Project(Path(), "", Path()))

    @property
    def in_tree(self) -> bool:
        """Whether this is where the project is written, not a release of it."""
        return not (self.server or self.released)

    def place(self, setting: str) -> tuple[str, int]:
        """Return the file, relative to the project, and the line that sets a setting."""
        return self.places.get(setting, ("", 0))

    def command(self, name: str) -> str:
        """Return a process's line of the Procfile, "" where it has none."""
        return next((one.command for one in self.processes if one.name == name), "")

    def inside(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path lies in the project's folder."""
        absolute = Path(os.path.abspath(path))
        return absolute.is_relative_to(self.root)

    def installed(self, *apps: str) -> bool:
        """Whether one of these apps is in INSTALLED_APPS."""
        return any(app in settings.INSTALLED_APPS for app in apps)


def overridden(*names: str) -> bool:
    """Whether the project's settings set one of these themselves."""
    asked: Any = settings
    return any(asked.is_overridden(name) for name in names)


def secret_key() -> Any:
    """Return SECRET_KEY, "" where it is empty: Django itself raises then."""
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:
        return ""


def project_folder() -> Path:
    """Return the folder of the project whose settings are loaded, else of the current folder's."""
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    file = getattr(module, "__file__", None)
    here = Path.cwd()
    return (nearest_root(Path(file).parent) if file else None) or nearest_root(here) or here


def read_subject(project: Project, *, server: bool = False) -> Subject:
    """Return what is checked; :class:`Problems` lists the mistakes in the project's files."""
    root = project.root
    topology, skips = read_options(project.ini)
    procfile = root / "Procfile"
    text = procfile.read_text(encoding="utf-8", errors="replace") if procfile.is_file() else ""
    local = os.environ.get("DEPLOYKIT_ENVIRONMENT") == "local"
    return Subject(
        root,
        Topology("none", topology.hsts, topology.server) if local else topology,
        skips,
        parse_procfile(text),
        None if server else tracked_files(root),
        server,
        local,
        setting_places(root),
        released=bool(os.environ.get("DEPLOYKIT_RELEASE")),
        project=project,
    )


def read_options(ini: Ini) -> tuple[Topology, tuple[Skip, ...]]:
    """Return what ``[check]`` says; :class:`Problems` lists every mistake."""
    problems: list[str] = list(ini.problems)
    values: dict[str, str] = {}
    skips: list[Skip] = []
    for name, option in ini.sections.get("check", {}).items():
        if name not in OPTIONS:
            problems.append(
                f"{option.where}: {name} is no option of [check]{nearest(name, OPTIONS)}"
            )
        elif name == "skip":
            skips = _skips(option.value, option.where, problems)
        elif option.value not in OPTIONS[name][0]:
            expected = ", ".join(OPTIONS[name][0])
            problems.append(
                f"{option.where}: {name} must be one of {expected}, not {option.value!r}"
            )
        else:
            values[name] = option.value
    if problems:
        raise Problems("deploykit.ini has mistakes:", problems, exit_code=2)
    return Topology(**values), tuple(skips)


def _skips(text: str, where: str, problems: list[str]) -> list[Skip]:
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, _, reason = line.partition(" ")
        words, _, until = reason.rpartition("until ")
        until = until.strip()
        if re.fullmatch(r"[\d./-]+", until) and not _is_date(until):
            problems.append(f"{where}: skip {key}: {until} is no day as 2027-01-31")
        until = until if _is_date(until) else ""
        if not (words if until else reason).strip(" ,"):
            problems.append(f"{where}: skip {key} needs a reason behind it")
        found.append(Skip(key, (words if until else reason).strip(" ,"), until, where))
    return found


def _is_date(text: str) -> bool:
    import datetime

    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def tracked_files(root: Path) -> tuple[str, ...] | None:
    """Return the files that git tracks below ``root``, None where git cannot say."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return tuple(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)


def setting_places(root: Path) -> dict[str, tuple[str, int]]:
    """Return where each setting is assigned last: in the settings module, or one it is made of."""
    found: dict[str, tuple[str, int]] = {}
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    for path in settings_files(root, module):
        for name, node in assignments(path).items():
            found.setdefault(name, (os.path.relpath(path, root), node.lineno))
    return found


def settings_files(root: Path, module: Any) -> list[str]:
    """Return the settings module's file and those of its package that it imports, nearest first."""
    file = getattr(module, "__file__", None)
    if not file:
        return []
    package = (getattr(module, "__package__", "") or "") + "."
    names = [
        name
        for name, other in sys.modules.items()
        if (name + ".").startswith(package) and other is not module and _has_settings(other)
    ]
    others = [getattr(sys.modules[name], "__file__", "") or "" for name in names]
    return [file, *(one for one in others if one.startswith(str(root)))]


def _has_settings(module: Any) -> bool:
    names = getattr(module, "__dict__", {})
    return "INSTALLED_APPS" in names or "DATABASES" in names or "SECRET_KEY" in names


@functools.lru_cache(maxsize=32)
def assignments(path: str) -> dict[str, ast.Assign | ast.AnnAssign]:
    """Return the last module-level assignment of every upper-case name in a Python file."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, ast.Assign | ast.AnnAssign] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            pairs = [one.elts if isinstance(one, ast.Tuple) else [one] for one in targets]
            for target in (one for pair in pairs for one in pair):
                if isinstance(target, ast.Name) and target.id.isupper():
                    found[target.id] = node
    return found


__all__ = ["OPTIONS", "Problems", "Skip", "Subject", "Topology", "read_options", "read_subject"]
