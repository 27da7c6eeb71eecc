"""Where a setting's value comes from: files, systemd credentials and the environment.

From weakest to strongest: packaged INI, ``/etc/<app>/<app>.ini``, ``/etc/<app>/conf.d/*.ini``,
systemd credentials, the file that ``<APP>_CONFIG`` names, ``NAME_FILE``, the environment.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from django_deploykit.runtime.base.option_names import environment_name, prefix


# Named tuples, because they are made in a fraction of the time that dataclasses take to import.
class Value(NamedTuple):
    """A value's text and its place. The text is not in the repr, because it may be a secret."""

    text: str
    where: str
    source: str

    def __repr__(self) -> str:
        return f"Value(where={self.where!r})"


class Source(NamedTuple):
    """One file or folder, with its values by the name of the environment variable.

    ``options`` have the spelling of the INI file.
    """

    name: str
    values: Mapping[str, Value]
    options: Mapping[str, tuple[str, str]] = MappingProxyType({})


class Sources:
    """All sources: ``files``, the strongest first, the environment, and problems in the files.

    The names of variables are kept from one setting to the next, because each access to
    ``os.environ`` costs as much as a whole setting. They are read again when their number changes.
    """

    def __init__(
        self,
        app: str,
        files: tuple[Source, ...],
        environ: Mapping[str, str],
        problems: tuple[str, ...] = (),
        variables: frozenset[str] | None = None,
    ) -> None:
        self.files = files
        self.environ = environ
        self.problems = problems
        self._own = prefix(app)
        self._look(frozenset(environ) if variables is None else variables)
        self._stored: dict[str, tuple[int, Value]] = {}
        for rank, source in reversed(list(enumerate(files))):
            self._stored.update(
                {name: (rank, one) for name, one in source.values.items() if one.text}
            )

    def __repr__(self) -> str:
        return f"Sources({', '.join(source.name for source in self.files)})"

    def text(self, name: str) -> str | None:
        """Return the text that :meth:`find` finds. This is the short way for most settings."""
        own, environ = self._own + name, self.environ
        if len(environ) != len(self._variables):
            self._look(frozenset(environ))
        try:
            if own in self._variables:
                return environ[own]
            if name in self._variables:
                return environ[name]
        except KeyError:  # another variable has taken its place
            self._look(frozenset(environ))
            return self.text(name)
        named = self._named
        if not self._stored and name.isupper() and name not in named and own not in named:
            return None  # no file, and no other spelling
        found = self.find(name)
        return None if found is None else found.text

    def _look(self, variables: frozenset[str]) -> None:
        """Keep the names of the variables that there are."""
        self._variables = variables
        files = [one[:-5] for one in self._variables if one.endswith("_FILE")]
        self._named = frozenset(files)  # NAME for each variable NAME_FILE

    def all(self, name: str) -> tuple[Value, ...]:
        """Return the values of a setting from all sources, the strongest first.

        ``name`` is the name of its environment variable. Raise :class:`OSError` if ``NAME_FILE``
        names a file that cannot be read.
        """
        spellings = self._spellings(name)
        files = [
            one for source in self.files for name in spellings if (one := source.values.get(name))
        ]
        return (*self._from_environment(spellings), *files)

    def find(self, name: str) -> Value | None:
        """Return the value of the strongest source, or None if no source has one.

        Empty values are ignored, except in the environment. Raise :class:`OSError` as :meth:`all`
        does, unless a stronger source has a value.
        """
        spellings = self._spellings(name)
        for value in self._from_environment(spellings):
            if value.text or value.source == "environment":
                return value
        stored = [self._stored[one] for one in spellings if one in self._stored]
        return min(stored, key=lambda one: one[0])[1] if stored else None

    def similar(self, name: str, known: Collection[str]) -> str:
        """Return the place of an option or variable whose name is nearly ``name``, or "".

        Names that are ``known``, because the settings read them, are not similar.
        """
        import difflib  # slow to load, and only needed for a problem

        own = self._own
        places = {one: f"the variable {one}" for one in self.environ}
        for source in self.files:
            for one in source.options:
                places[one] = source.values[one].where
        left = {one.removeprefix(own): place for one, place in places.items() if one not in known}
        wanted = name.upper().removeprefix(own)
        left.pop(wanted, None)
        found = difflib.get_close_matches(wanted, left, 1, 0.85)
        return left[found[0]] if found else ""

    def _spellings(self, name: str) -> tuple[str, ...]:
        """Return the names that a setting is looked for under, the strongest first.

        They are the name as written, and in upper case, as INI files have it.
        """
        upper = name.upper()
        written = (self._own + name, name)
        return written if upper == name else (*written, self._own + upper, upper)

    def _from_environment(self, spellings: tuple[str, ...]) -> Iterator[Value]:
        if len(self.environ) != len(self._variables):
            self._look(frozenset(self.environ))
        variables = self._variables
        for one in spellings:
            if one in variables:
                yield Value(self.environ[one], one, "environment")
        for one in spellings:
            if f"{one}_FILE" in variables and (path := self.environ[f"{one}_FILE"]):
                yield _from_file(path, f"{one}_FILE", "file")


def load_sources(
    app: str, environ: Mapping[str, str], packaged: str | Path | None, etc: str | Path
) -> Sources:
    """Read all sources. A missing file is a problem only if it was named explicitly."""
    problems: list[str] = []
    weakest_first: list[Source] = []
    config = prefix(app) + "CONFIG"
    # Looking for a variable that is missing takes as long as reading a setting.
    names = frozenset(environ)

    def add(path: str, name: str) -> None:
        weakest_first.append(_ini_source(path, name, problems))

    if packaged is not None and os.path.isfile(packaged):
        add(os.fspath(packaged), "packaged")
    building = "DEPLOYKIT_BUILD" in names and environ["DEPLOYKIT_BUILD"] == "1"
    if not building:  # a build must not depend on its machine
        if _exists(etc):
            for path in (f"{etc}/{app}.ini", *_listed(f"{etc}/conf.d", problems)):
                if _exists(path):
                    add(path, "etc")
        if "CREDENTIALS_DIRECTORY" in names:
            weakest_first += _credentials(app, environ, etc, problems)
        named = environ[config] if config in names else ""
        if named and os.path.isfile(named):
            add(named, "config")
        elif named:
            problems.append(f"{config}: there is no file {named}")
    return Sources(app, tuple(reversed(weakest_first)), environ, tuple(problems), names)


def _exists(path: str | Path) -> bool:
    """Whether there is a file or a folder, but not a device or a pipe, which could block."""
    try:
        mode = os.stat(path).st_mode
        return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # its folder is not accessible; reading the file reports that


def _listed(folder: str, problems: list[str]) -> list[str]:
    try:
        return sorted(
            os.path.join(folder, one) for one in os.listdir(folder) if one.endswith(".ini")
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        above = os.path.dirname(folder)
        if os.path.isdir(above) and os.access(above, os.X_OK):
            problems.append(f"{folder}: cannot be read: {error.strerror}")
        return []  # reading the main file reports it


def _ini_source(
    path: str | Path, name: str, problems: list[str], named: Path | None = None
) -> Source:
    from django_deploykit.conf.ini import read_ini  # only needed if there is a file

    try:
        ini = read_ini(Path(path), named)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
        return Source(name, {})
    problems += ini.problems
    values: dict[str, Value] = {}
    options: dict[str, tuple[str, str]] = {}
    for section, entries in ini.sections.items():
        for option, entry in entries.items():
            key = environment_name(section, option)
            if key in values:
                problems.append(
                    f"{entry.where}: [{section}] {option} and {values[key].where} are both {key}"
                )
            options[key] = (section, option)
            values[key] = Value(entry.value, f"{entry.where} [{section}] {option}", name)
    return Source(name, values, options)


def _credentials(
    app: str, environ: Mapping[str, str], etc: str | Path, problems: list[str]
) -> list[Source]:
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
    # Those of our units are copies; the secrets of a container are the files that people edit.
    ours = "DEPLOYKIT_DATA" in environ and folder != "/run/secrets"
    sources = [
        _ini_source(path, "credentials", problems, _original(path, etc) if ours else None)
        for path in main + others
    ]
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


def _original(path: Path, etc: str | Path) -> Path:
    """Return the file that a credential of our units is a copy of. The copy goes with its process."""
    name = path.name
    return (
        Path(etc, "conf.d", name[len("conf.d_") :])
        if name.startswith("conf.d_")
        else Path(etc, name)
    )


def _from_file(path: str, where: str, source: str) -> Value:
    """Return a file's text without the newline that editors and ``echo`` add at the end."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        text = file.read()
    shorter = text.removesuffix("\n")
    return Value(
        shorter.removesuffix("\r") if shorter != text else text, f"{where} ({path})", source
    )
