"""The project: its folder, its name, and its settings in ``deploykit.ini``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from django_deploykit.conf.ini import Ini, read_ini
from django_deploykit.conf.settings_module import (
    CLASS_VARIABLE,
    MODULE_VARIABLE,
    default_settings,
    default_variables,
    managed_settings,
    served_settings,
)
from django_deploykit.errors import Problems, ProjectError
from django_deploykit.project.formats import read_format
from django_deploykit.project.inventory import Environment, read_inventory
from django_deploykit.project.naming import committed_name, repository_of
from django_deploykit.project.values import (
    Keys,
    nearest,
    read_lines,
    read_section,
    read_variables,
)
from django_deploykit.runtime.base.names import valid_app
from django_deploykit.runtime.base.site_options import read_switch, read_words

__all__ = [
    "NAME_HINT",
    "NO_NAME",
    "OPTIONS",
    "Project",
    "default_settings",
    "default_variables",
    "find_project",
    "load_project",
    "nearest",
    "nearest_root",
    "production_settings",
    "read_project",
    "starting_folder",
]


def _name(text: str) -> str:
    if not valid_app(text):
        raise ValueError(f"must be lower-case letters, digits and dashes, at most 31, not {text!r}")
    return text


def _python(text: str) -> str:
    if not re.fullmatch(r"3\.\d{1,2}", text):
        raise ValueError(f"must look like 3.11, not {text!r}")
    return text


# The keys of [project] and [bundle]. Other modules have the keys of the other sections.
OPTIONS: dict[str, Keys] = {
    "project": {
        "name": (_name, "the project's name on hosts: lower-case letters, digits, dashes"),
        "lock": (str, "the lock file, relative to deploykit.ini"),
        "settings": (
            str,
            "DJANGO_SETTINGS_MODULE in production; default: what wsgi.py sets, or manage.py",
        ),
        "configuration": (
            str,
            "DJANGO_CONFIGURATION in production, for django-configurations; default: as `settings`",
        ),
    },
    "bundle": {
        "build": (
            read_lines,
            "shell commands, a line each, that run in the export before collectstatic",
        ),
        "inputs": (
            read_lines,
            "patterns of the files that `build` reads; its result is reused until one changes",
        ),
        "after_collectstatic": (
            read_lines,
            "shell commands, a line each, that run in the export after collectstatic",
        ),
        "allow_unhashed": (read_switch, "yes lets pinned requirements without hashes through"),
        "python": (
            _python,
            "the Python that the bundle is for, as 3.11; default: the one that runs",
        ),
        "platform": (
            str,
            "the platform that the bundle is for, as linux-x86_64; default: this machine's",
        ),
        "interpreter": (
            str,
            "a relocatable Python that the bundle has: a folder, or a version that uv has, as 3.12",
        ),
        "plugins": (
            str,
            "a second lock file: plug-ins that this installation adds to a product",
        ),
        "extras": (read_words, "extras that the bundle has, separated by commas"),
        "groups": (
            read_words,
            "dependency groups that the bundle has, besides the main one; categories of a Pipfile",
        ),
        "environment": (
            read_variables,
            "variables that the settings need, with values for the build: `NAME=value NAME=value`",
        ),
        "include": (read_lines, "what else of the repository is copied into the project's folder"),
    },
}
NO_NAME = "no committed file says the project's name"
NAME_HINT = "Write one line, name = shop, in [project] of deploykit.ini."
ELSEWHERE = ("check", "environment", "format", "host", "process")


@dataclass(frozen=True)
class Project:
    """A Django project: ``root`` is the folder of manage.py, ``path`` is its deploykit.ini.

    ``problems`` are the mistakes in [project], [bundle] and [format:NAME]. Invalid values are left
    out. ``name`` is an empty string if no committed file says it. ``formats`` are the options of
    each format.
    """

    root: Path
    name: str
    path: Path
    ini: Ini = field(default_factory=Ini)
    lock: str = ""
    settings: str = ""
    configuration: str = ""
    build: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    after_collectstatic: tuple[str, ...] = ()
    allow_unhashed: bool = False
    python: str = ""
    platform: str = ""
    interpreter: str = ""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    plugins: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    include: tuple[str, ...] = ()
    formats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @cached_property
    def inventory(self) -> dict[str, Environment]:
        """The environments by name. :class:`Problems` is raised for mistakes in their sections."""
        return read_inventory(self.ini)

    @property
    def work(self) -> Path:
        """The folder ``.deploykit/`` for build results. It is created here, and git ignores it."""
        folder = self.root / ".deploykit"
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        return folder


def find_project(start: Path, *, named: bool = True) -> Project:
    """Return the project whose manage.py is in ``start`` or the nearest folder above.

    Raise :class:`ProjectError` if there is none, and :class:`Problems` if deploykit.ini has
    mistakes. With ``named``, its name must be known.
    """
    root = nearest_root(start)
    if root is None:
        raise ProjectError(
            f"there is no manage.py in {start} or above",
            "Run this in the folder of your Django project.",
        )
    return load_project(root, named=named)


def nearest_root(start: Path) -> Path | None:
    """Return the folder of manage.py: ``start``, the nearest folder above, or None."""
    folders = (start, *start.parents)
    return next((one for one in folders if (one / "manage.py").is_file()), None)


def starting_folder(program: str, here: Path) -> Path:
    """Return the folder where a command starts to look for the project.

    It is the folder of the manage.py that runs the command, or else the working folder, ``here``.

    >>> starting_folder("src/manage.py", Path("/repo")), starting_folder("", Path("/repo"))
    (PosixPath('/repo/src'), PosixPath('/repo'))
    """
    path = here / program
    return path.parent.resolve() if program and path.name == "manage.py" else here


def load_project(root: Path, top: Path | None = None, *, named: bool = True) -> Project:
    """Return the project in ``root``, in the repository or export ``top``.

    Raise :class:`Problems` if deploykit.ini has mistakes. With ``named``, also raise
    :class:`ProjectError` if no committed file says the project's name.
    """
    project = read_project(root, top)
    if project.problems:
        raise Problems(f"{project.path.name} has mistakes:", project.problems)
    if named and not project.name:
        raise ProjectError(NO_NAME, NAME_HINT)
    return project


def read_project(root: Path, top: Path | None = None) -> Project:
    """Return the project in ``root``, with mistakes in its ``problems`` instead of an exception.

    If no committed file says the project's name, it is an empty string.
    """
    path = root / "deploykit.ini"
    ini = read_ini(path) if path.is_file() else Ini()
    values, problems = _values(ini)
    served = served_settings(root)
    modules = (str(values.get("settings", "")), managed_settings(root), served)
    defaults = {
        "name": committed_name(root, top or repository_of(root), modules),
        "settings": served or default_settings(root),
        "configuration": served_settings(root, CLASS_VARIABLE)
        or managed_settings(root, CLASS_VARIABLE),
    }
    given = {key: value for key, value in values.items() if value != ""}
    return Project(root, path=path, ini=ini, problems=problems, **{**defaults, **given})


def production_settings(project: Project, loaded: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that choose the settings for production, if others are used by default.

    ``loaded`` has the variables that chose the present settings. manage.py often names development
    settings. wsgi.py or [project] name those for production; the latter also come before exported
    variables.
    """
    written = project.ini.sections.get("project", {})
    names = (MODULE_VARIABLE, CLASS_VARIABLE) if project.configuration else (MODULE_VARIABLE,)
    now = {name: loaded.get(name, "") for name in names}
    default = default_variables(project.root)
    chosen = any(now[name] != default.get(name, "") for name in names)
    if (
        now[MODULE_VARIABLE]
        and chosen
        and not ("settings" in written or "configuration" in written)
    ):
        return {}  # the user chose other settings
    wanted = {MODULE_VARIABLE: project.settings, CLASS_VARIABLE: project.configuration}
    return (
        {name: wanted[name] for name in names}
        if any(wanted[one] != now[one] for one in names)
        else {}
    )


def _values(ini: Ini) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values of [project], [bundle] and [format:NAME], and all mistakes in them."""
    values: dict[str, Any] = {}
    formats: dict[str, dict[str, Any]] = {}
    problems = list(ini.problems)
    for section, options in ini.sections.items():
        kind = section.partition(":")[0].strip()
        if section in OPTIONS:
            values.update(read_section(section, options, OPTIONS[section], problems))
        elif kind == "format":
            name, formats[name] = read_format(section, options, problems)
        elif kind not in ELSEWHERE:
            where = next((option.where for option in options.values()), section)
            problems.append(f"{where}: {_unknown_section(section, kind)}")
    if values.get("inputs") and not values.get("build"):
        where = ini.sections["bundle"]["inputs"].where
        problems.append(f"{where}: inputs are what `build` reads, and [bundle] has no build")
    return {**values, "formats": formats}, tuple(problems)


def _unknown_section(section: str, kind: str) -> str:
    guess = nearest(kind, [*OPTIONS, *ELSEWHERE])
    if guess and ":" in section:  # the user chose the name after the colon
        guess = f"{guess[:-2]}:{section.partition(':')[2].strip()}'?"
    return f"there is no section [{section}]{guess}"
