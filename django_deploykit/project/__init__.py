"""The project: its folder, its name, and what ``deploykit.ini`` says about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from django_deploykit.conf.ini import Ini, Option, read_ini
from django_deploykit.conf.settings_module import default_settings, served_settings
from django_deploykit.errors import Problems, ProjectError
from django_deploykit.project.inventory import Environment, read_inventory
from django_deploykit.project.values import nearest
from django_deploykit.runtime.base.names import valid_app
from django_deploykit.runtime.base.site_options import read_switch

__all__ = [
    "OPTIONS",
    "Project",
    "default_settings",
    "find_project",
    "load_project",
    "nearest",
    "nearest_root",
    "read_project",
    "served_settings",
    "starting_folder",
]

# The options of [project] and [bundle]; checks and environments have their own.
OPTIONS: dict[str, dict[str, str]] = {
    "project": {
        "name": "the project's name on hosts: lower-case letters, digits, dashes",
        "lock": "the lock file, relative to deploykit.ini",
        "settings": "DJANGO_SETTINGS_MODULE in production; default: what wsgi.py sets, or manage.py",
    },
    "bundle": {
        "build": "shell commands, a line each, that run in the export before collectstatic",
        "allow_unhashed": "yes lets pinned requirements without hashes through",
        "python": "the Python that the bundle is for, as 3.11; default: the one that runs",
        "platform": "the platform that the bundle is for, as linux-x86_64; default: this machine's",
        "extras": "extras of a uv.lock's project, separated by commas",
    },
}
ELSEWHERE = ("check", "environment", "host")


@dataclass(frozen=True)
class Project:
    """A Django project: ``root`` is the folder of manage.py, ``path`` its deploykit.ini.

    ``problems`` are the mistakes in [project] and [bundle]; the values at fault are left out.
    """

    root: Path
    name: str
    path: Path
    ini: Ini = field(default_factory=Ini)
    lock: str = ""
    settings: str = ""
    build: tuple[str, ...] = ()
    allow_unhashed: bool = False
    python: str = ""
    platform: str = ""
    extras: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @cached_property
    def inventory(self) -> dict[str, Environment]:
        """The environments by name; :class:`Problems` lists the mistakes in their sections."""
        return read_inventory(self.ini)

    @property
    def work(self) -> Path:
        """The folder ``.deploykit/`` for build results; it is made here, and git ignores it."""
        folder = self.root / ".deploykit"
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        return folder


def find_project(start: Path) -> Project:
    """Return the project whose manage.py is in ``start`` or the nearest folder above.

    Raises :class:`ProjectError` if there is none, :class:`Problems` for a bad deploykit.ini.
    """
    root = nearest_root(start)
    if root is None:
        raise ProjectError(
            f"there is no manage.py in {start} or above",
            "Run this in the folder of your Django project.",
        )
    return load_project(root)


def nearest_root(start: Path) -> Path | None:
    """Return the folder of manage.py: ``start`` or the nearest above, None if there is none."""
    folders = (start, *start.parents)
    return next((one for one in folders if (one / "manage.py").is_file()), None)


def starting_folder(program: str, here: Path) -> Path:
    """Return where a command looks for the project: beside the manage.py that runs it, else here.

    >>> starting_folder("src/manage.py", Path("/repo")), starting_folder("", Path("/repo"))
    (PosixPath('/repo/src'), PosixPath('/repo'))
    """
    path = here / program
    return path.parent.resolve() if program and path.name == "manage.py" else here


def load_project(root: Path) -> Project:
    """Return the project in ``root``; :class:`Problems` lists the mistakes in deploykit.ini."""
    project = read_project(root)
    if project.problems:
        raise Problems(f"{project.path.name} has mistakes:", project.problems)
    return project


def read_project(root: Path) -> Project:
    """Return the project in ``root``, with its ``problems`` instead of an exception."""
    path = root / "deploykit.ini"
    ini = read_ini(path) if path.is_file() else Ini()
    problems = dict(_iter_problems(ini))
    values = {
        section: {name: one.value for name, one in options.items() if one.where not in problems}
        for section, options in ini.sections.items()
    }
    project, bundle = values.get("project", {}), values.get("bundle", {})
    default = default_settings(root)
    return Project(
        root,
        project.get("name") or default_name(root, default),
        path,
        ini,
        lock=project.get("lock", ""),
        settings=project.get("settings") or served_settings(root) or default,
        build=_parts(bundle.get("build", ""), "\n"),
        allow_unhashed=read_switch(bundle.get("allow_unhashed", "no")),
        python=bundle.get("python", ""),
        platform=bundle.get("platform", ""),
        extras=_parts(bundle.get("extras", ""), ","),
        problems=(*ini.problems, *problems.values()),
    )


def _parts(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def default_name(root: Path, settings: str) -> str:
    """Return a valid name made from the settings' package, or from the folder.

    >>> default_name(Path("/x/My Shop"), "")
    'my-shop'
    """
    source = settings.partition(".")[0] if "." in settings else ""
    if source in ("", "config", "conf", "settings", "project", "core"):
        source = root.name
    name = re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")[:31]
    return name if valid_app(name) else f"app-{name}".strip("-")[:31]


def _iter_problems(ini: Ini) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every mistake."""
    for section, options in ini.sections.items():
        kind = section.partition(":")[0].strip()
        if kind in ELSEWHERE:
            continue
        if section not in OPTIONS:
            where = next((option.where for option in options.values()), section)
            yield where, f"{where}: {_unknown_section(section, kind)}"
            continue
        for name, option in options.items():
            if problem := _option_problem(section, name, option, OPTIONS[section]):
                yield option.where, f"{option.where}: {problem}"


def _unknown_section(section: str, kind: str) -> str:
    guess = nearest(kind, [*OPTIONS, *ELSEWHERE])
    if guess and ":" in section:  # the name after the colon is the user's own
        guess = f"{guess[:-2]}:{section.partition(':')[2].strip()}'?"
    return f"there is no section [{section}]{guess}"


def _option_problem(section: str, name: str, option: Option, known: Mapping[str, str]) -> str:
    if name not in known:
        return f"[{section}] has no option {name}{nearest(name, known)}"
    problem = value_problem(name, option.value)
    return f"{name} {problem}" if problem else ""


def value_problem(name: str, value: str) -> str:
    """Return what is wrong with an option's value, "" if nothing is."""
    if name == "name" and not valid_app(value):
        return f"must be lower-case letters, digits and dashes, at most 31, not {value!r}"
    if name == "allow_unhashed":
        try:
            read_switch(value)
        except ValueError as error:
            return str(error)
    if name == "python" and not re.fullmatch(r"3\.\d{1,2}", value):
        return f"must look like 3.11, not {value!r}"
    return ""
