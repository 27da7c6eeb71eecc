"""The project: its folder, its name, and what ``deploykit.ini`` says of it."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.conf.ini import Ini, Option, read_ini
from django_deploykit.conf.readers import read_bool
from django_deploykit.errors import Problems, ProjectError
from django_deploykit.runtime.base.names import valid_app

# The options of deploykit.ini that are judged here; the rest belongs to checks and environments.
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
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]""")


@dataclass(frozen=True)
class Project:
    """A Django project: ``root`` is the folder of manage.py and deploykit.ini."""

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

    @property
    def work(self) -> Path:
        """The folder of what is made here, ``.deploykit/``; it keeps itself out of git."""
        folder = self.root / ".deploykit"
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        return folder


def find_project(start: Path) -> Project:
    """Return the project whose manage.py is in ``start`` or the nearest folder above.

    Raises :class:`ProjectError` where there is none, :class:`Problems` for a bad deploykit.ini.
    """
    root = nearest_root(start)
    if root is None:
        raise ProjectError(
            f"there is no manage.py in {start} or above",
            "Run this in the folder of your Django project.",
        )
    return load_project(root)


def nearest_root(start: Path) -> Path | None:
    """Return the folder of manage.py: ``start`` or the nearest above, None where there is none."""
    folders = (start, *start.parents)
    return next((one for one in folders if (one / "manage.py").is_file()), None)


def starting_folder(program: str, here: Path) -> Path:
    """Return where every command looks for the project: beside the manage.py that runs, else here.

    >>> starting_folder("src/manage.py", Path("/repo"))
    PosixPath('/repo/src')
    """
    path = here / program
    return path.parent.resolve() if path.name == "manage.py" else here


def load_project(root: Path) -> Project:
    """Read the project in ``root``."""
    path = root / "deploykit.ini"
    ini = read_ini(path) if path.exists() else Ini()
    problems = [*ini.problems, *_problems(ini)]
    if problems:
        raise Problems(f"{path.name} has mistakes:", problems)
    values = _values(ini, "bundle")
    own = _values(ini, "project")
    name = own["name"].value if "name" in own else default_name(root, default_settings(root))
    return Project(
        root,
        name,
        path,
        ini,
        lock=_text(own, "lock"),
        settings=_text(own, "settings") or served_settings(root) or default_settings(root),
        build=tuple(line.strip() for line in _text(values, "build").splitlines() if line.strip()),
        allow_unhashed="allow_unhashed" in values and yes_or_no(_text(values, "allow_unhashed")),
        python=_text(values, "python"),
        platform=_text(values, "platform"),
        extras=tuple(part.strip() for part in _text(values, "extras").split(",") if part.strip()),
    )


def _values(ini: Ini, section: str) -> Mapping[str, Option]:
    return ini.sections.get(section, {})


def _text(values: Mapping[str, Option], name: str) -> str:
    return values[name].value if name in values else ""


def default_settings(root: Path) -> str:
    """Return the settings module that manage.py names, "" where it names none plainly."""
    try:
        text = (root / "manage.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return os.environ.get("DJANGO_SETTINGS_MODULE", "")
    match = _SETTINGS.search(text)
    return match[1] if match else os.environ.get("DJANGO_SETTINGS_MODULE", "")


def served_settings(root: Path) -> str:
    """Return the settings that wsgi.py or asgi.py serves the site with, "" where that is not plain."""
    found = set()
    for path in (*root.glob("*/wsgi.py"), *root.glob("*/asgi.py"), *root.glob("?sgi.py")):
        try:
            match = _SETTINGS.search(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        if match:
            found.add(match[1])
    return found.pop() if len(found) == 1 else ""


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


def _problems(ini: Ini) -> Iterator[str]:
    known = [*OPTIONS, *ELSEWHERE]
    for section, options in ini.sections.items():
        kind = section.partition(":")[0].strip()
        if kind in ELSEWHERE:
            continue
        if section not in OPTIONS:
            where = next((option.where for option in options.values()), section)
            guess = nearest(kind, known)
            if guess and ":" in section:  # the name behind the colon is the user's own
                guess = f"{guess[:-2]}:{section.partition(':')[2].strip()}'?"
            yield f"{where}: [{section}] is no section here{guess}"
            continue
        for name, option in options.items():
            if name not in OPTIONS[section]:
                yield f"{option.where}: {name} is no option of [{section}]{nearest(name, OPTIONS[section])}"
            elif problem := judge(name, option.value):
                yield f"{option.where}: {name} {problem}"


def judge(name: str, value: str) -> str:
    """Return what is wrong with an option's value, or ""."""
    if name == "name" and not valid_app(value):
        return f"must be lower-case letters, digits and dashes, at most 31, not {value!r}"
    if name == "allow_unhashed":
        try:
            yes_or_no(value)
        except ValueError as error:
            return str(error)
    if name == "python" and not re.fullmatch(r"3\.\d{1,2}", value):
        return f"must look like 3.11, not {value!r}"
    return ""


def yes_or_no(text: str) -> bool:
    """Return a switch of deploykit.ini, as settings read theirs; :class:`ValueError` says what is wrong."""
    try:
        return read_bool(text)
    except ValueError:
        raise ValueError(f"must be yes or no, not {text!r}") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a guess at what was meant, as the end of a sentence.

    >>> nearest("hots", ["hosts"])
    "; did you mean 'hosts'?"
    """
    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
