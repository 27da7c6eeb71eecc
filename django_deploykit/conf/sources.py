"""Where a setting's value comes from: files, systemd credentials and the environment.

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
from django_deploykit.runtime.base.option_names import environment_name, prefix


@dataclass(frozen=True)
class Value:
    """A value's text and its place. The text is not in the repr, because it may be a secret."""

    text: str = field(repr=False)
    where: str
    source: str


@dataclass(frozen=True)
class Source:
    """One file or folder, with its values by the name of the environment variable.

    ``options`` have the spelling of the INI file.
    """

    name: str
    values: Mapping[str, Value]
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """All sources, the strongest first, and the problems found while reading them."""

    app: str
    files: tuple[Source, ...]
    environ: Mapping[str, str] = field(repr=False)
    problems: tuple[str, ...] = ()

    def all(self, name: str) -> tuple[Value, ...]:
        """Return the values of a setting from all sources, the strongest first.

        ``name`` is the name of its environment variable. Raise :class:`OSError` if ``NAME_FILE``
        names a file that cannot be read.
        """
        return tuple(self._values(name))

    def find(self, name: str) -> Value | None:
        """Return the value of the strongest source, or None if no source has one.

        Empty values are ignored, except in the environment. Raise :class:`OSError` as :meth:`all`
        does, unless a stronger source has a value.
        """
        for value in self._values(name):
            if value.text or value.source == "environment":
                return value
        return None

    def _values(self, name: str) -> Iterator[Value]:
        spellings = (prefix(self.app) + name, name)
        for one in spellings:
            if one in self.environ:
                yield Value(self.environ[one], one, "environment")
        for one in spellings:
            if self.environ.get(f"{one}_FILE"):
                yield _from_file(self.environ[f"{one}_FILE"], f"{one}_FILE", "file")
        # In an INI file, [shop] is the prefix: [shop] currency is CURRENCY and SHOP_CURRENCY.
        bare = name.removeprefix(prefix(self.app))
        for source in self.files:
            for one in dict.fromkeys((*spellings, bare)):
                if one in source.values:
                    yield source.values[one]


def load_sources(app: str, environ: Mapping[str, str], packaged: Path | None, etc: Path) -> Sources:
    """Read all sources. A missing file is a problem only if it was named explicitly."""
    problems: list[str] = []
    weakest_first: list[Source] = []

    def add(path: Path, name: str) -> None:
        weakest_first.append(_ini_source(app, path, name, problems))

    if packaged is not None and packaged.is_file():
        add(packaged, "packaged")
    if environ.get("DEPLOYKIT_BUILD") != "1":  # a build must not depend on its machine
        for path in (etc / f"{app}.ini", *_listed(etc / "conf.d", problems)):
            if _exists(path):
                add(path, "etc")
        weakest_first += _credentials(app, environ, problems)
        named = environ.get(prefix(app) + "CONFIG", "")
        if named and Path(named).is_file():
            add(Path(named), "config")
        elif named:
            problems.append(f"{prefix(app)}CONFIG: there is no file {named}")
    return Sources(app, tuple(reversed(weakest_first)), environ, tuple(problems))


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # its folder is not accessible; reading the file reports that


def _listed(folder: Path, problems: list[str]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".ini")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if folder.parent.is_dir() and os.access(folder.parent, os.X_OK):
            problems.append(f"{folder}: cannot be read: {error.strerror}")
        return []  # reading the main file reports it


def _ini_source(app: str, path: Path, name: str, problems: list[str]) -> Source:
    try:
        ini = read_ini(path)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return Source(name, {})
    problems += ini.problems
    values: dict[str, Value] = {}
    options: dict[str, tuple[str, str]] = {}
    for section, entries in ini.sections.items():
        for option, entry in entries.items():
            key = environment_name(app, section, option)
            if key in values:
                problems.append(
                    f"{entry.where}: [{section}] {option} and {values[key].where} are both {key}"
                )
            values[key] = Value(entry.value, f"{entry.where} [{section}] {option}", name)
            options[key] = (section, option)
    return Source(name, values, options)


def _credentials(app: str, environ: Mapping[str, str], problems: list[str]) -> list[Source]:
    """Return systemd's credentials: INI files (by their suffix) and files with a single value."""
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
    sources = [_ini_source(app, path, "credentials", problems) for path in main + others]
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
    return [*sources, Source("credentials", values)]


def _from_file(path: str, where: str, source: str) -> Value:
    """Return a file's text without the newline that editors and ``echo`` add at the end."""
    text = Path(path).read_text(encoding="utf-8-sig")
    return Value(text.removesuffix("\n").removesuffix("\r"), f"{where} ({path})", source)
