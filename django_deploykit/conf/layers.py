"""Where a setting's value comes from: files, credentials and the environment, the nearest wins.

From weakest to strongest: packaged INI, ``/etc/<app>/<app>.ini``, ``/etc/<app>/conf.d/*.ini``,
systemd credentials, the file that ``<APP>_CONFIG`` names, ``NAME_FILE``, the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.conf.ini import read_ini


@dataclass(frozen=True)
class Found:
    """A text and where it stands; the text is not in the repr: it may be a secret."""

    text: str = field(repr=False)
    where: str
    layer: str


@dataclass(frozen=True)
class Layer:
    """One source: values by environment name; ``options`` the INI's own spelling."""

    name: str
    values: Mapping[str, Found]
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Layers:
    """All sources, the strongest first, and what could not be read in them."""

    app: str
    files: tuple[Layer, ...]
    environ: Mapping[str, str] = field(repr=False)
    problems: tuple[str, ...] = ()

    def all(self, name: str) -> tuple[Found, ...]:
        """Return what every source says of a setting (its environment name), the strongest first.

        Raises :class:`OSError` where ``NAME_FILE`` names a file that cannot be read.
        """
        return tuple(self._sources(name))

    def find(self, name: str) -> Found | None:
        """Return the value that counts: the strongest source's; an empty one in a file counts not.

        Raises :class:`OSError` as :meth:`all` does, unless something stronger counts.
        """
        for found in self._sources(name):
            if found.text or found.layer == "environment":
                return found
        return None

    def _sources(self, name: str) -> Iterator[Found]:
        spellings = (prefix(self.app) + name, name)
        for one in spellings:
            if one in self.environ:
                yield Found(self.environ[one], one, "environment")
        for one in spellings:
            if self.environ.get(f"{one}_FILE"):
                yield _from_file(self.environ[f"{one}_FILE"], f"{one}_FILE", "file")
        # [shop] currency is CURRENCY and SHOP_CURRENCY alike: in an INI file the section is the prefix.
        bare = name.removeprefix(prefix(self.app))
        for layer in self.files:
            for one in dict.fromkeys((*spellings, bare)):
                if one in layer.values:
                    yield layer.values[one]


def prefix(app: str) -> str:
    """Return what the application's own environment names begin with, ``SHOP_``."""
    return re.sub(r"[^A-Za-z0-9]", "_", app).upper() + "_"


def environment_name(app: str, section: str, option: str) -> str:
    """Return the environment's name of an INI option.

    >>> environment_name("shop", "database", "url"), environment_name("shop", "django", "debug")
    ('DATABASE_URL', 'DEBUG')
    """
    name = option if section in ("django", app) else f"{section}_{option}"
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def load_layers(app: str, environ: Mapping[str, str], packaged: Path | None, etc: Path) -> Layers:
    """Read all sources; missing files are no problem, but for those that somebody named."""
    problems: list[str] = []
    weakest_first: list[Layer] = []

    def add(path: Path, name: str) -> None:
        weakest_first.append(_ini_layer(app, path, name, problems))

    if packaged is not None and packaged.is_file():
        add(packaged, "packaged")
    if environ.get("DEPLOYKIT_BUILD") != "1":  # a build knows nothing of the machine it runs on
        for path in (etc / f"{app}.ini", *_listed(etc / "conf.d", problems)):
            if _is_there(path):
                add(path, "etc")
        weakest_first += _credentials(app, environ, problems)
        named = environ.get(prefix(app) + "CONFIG", "")
        if named and Path(named).is_file():
            add(Path(named), "config")
        elif named:
            problems.append(f"{prefix(app)}CONFIG: {named} is no file")
    return Layers(app, tuple(reversed(weakest_first)), environ, tuple(problems))


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # behind a folder that may not be entered: reading it says so


def _listed(folder: Path, problems: list[str]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".ini")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if folder.parent.is_dir() and os.access(folder.parent, os.X_OK):
            problems.append(f"{folder}: cannot be read: {error.strerror}")
        return []  # else the main file's problem says it


def _ini_layer(app: str, path: Path, name: str, problems: list[str]) -> Layer:
    try:
        ini = read_ini(path)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return Layer(name, {})
    problems += ini.problems
    values: dict[str, Found] = {}
    options: dict[str, tuple[str, str]] = {}
    for section, entries in ini.sections.items():
        for option, entry in entries.items():
            key = environment_name(app, section, option)
            if key in values:
                problems.append(
                    f"{entry.where}: [{section}] {option} and {values[key].where} are both {key}"
                )
            values[key] = Found(entry.value, f"{entry.where} [{section}] {option}", name)
            options[key] = (section, option)
    return Layer(name, values, options)


def _credentials(app: str, environ: Mapping[str, str], problems: list[str]) -> list[Layer]:
    """Return what systemd passes on: INI files (by their name's end), and single values."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        return []
    try:
        paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    except OSError as error:
        problems.append(f"CREDENTIALS_DIRECTORY: {folder} cannot be read: {error.strerror}")
        return []
    main = [path for path in paths if path.name == f"{app}.ini"]
    others = [path for path in paths if path.suffix == ".ini" and path not in main]
    layers = [_ini_layer(app, path, "credentials", problems) for path in main + others]
    values = {}
    for path in paths:
        if path.suffix != ".ini":
            key = re.sub(r"[^A-Za-z0-9]", "_", path.name).upper()
            try:
                values[key] = _from_file(str(path), f"credential {path.name}", "credentials")
            except UnicodeDecodeError:
                problems.append(f"credential {path.name} ({path}): is not UTF-8")
            except OSError as error:
                problems.append(f"credential {path.name} ({path}): {error.strerror}")
    return [*layers, Layer("credentials", values)]


def _from_file(path: str, where: str, layer: str) -> Found:
    """Return a file's text without the newline that editors and ``echo`` leave at its end."""
    text = Path(path).read_text(encoding="utf-8-sig")
    return Found(text.removesuffix("\n").removesuffix("\r"), f"{where} ({path})", layer)
