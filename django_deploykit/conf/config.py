"""``Config``: the object through which settings.py reads its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeVar

from django_deploykit.conf import readers
from django_deploykit.conf.decouple import MISSING
from django_deploykit.conf.errors import ConfigError, ProblemList, show_without_traceback
from django_deploykit.conf.loading import (
    caller_folder,
    checks_for_production,
    command_line,
    is_building,
    line_of,
    loading_settings,
    never_serve,
)
from django_deploykit.conf.sources import Sources, load_sources
from django_deploykit.conf.typed import Readers
from django_deploykit.runtime.base.option_names import key_of, prefix

if TYPE_CHECKING:
    from django_deploykit.conf.declarations import Declaration

T = TypeVar("T")
_configs: list[Config] = []


class Config(Readers):
    """Typed readers over INI files, systemd credentials and the environment.

    ``Config("shop")`` reads these sources, from weakest to strongest:

    1. ``packaged`` (default: ``defaults.ini`` next to the settings),
    2. ``/etc/shop/shop.ini`` and ``/etc/shop/conf.d/*.ini``,
    3. systemd credentials in ``$CREDENTIALS_DIRECTORY``,
    4. the file that ``SHOP_CONFIG`` names,
    5. the files that variables such as ``DATABASE_URL_FILE`` name,
    6. environment variables.

    Settings have the names of environment variables. In an INI file, ``DATABASE_URL`` is
    ``[database] url``, and ``DEBUG`` is ``[django] debug``. Each name may start with ``SHOP_``.

    Problems are raised as :class:`ConfigError`. While Django loads the settings, they are collected
    and raised together at the end of the module. Otherwise they are raised at once.
    """

    def __init__(
        self,
        app: str,
        *,
        packaged: Path | str | None = None,
        etc: Path | str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if not (app[:1].isalpha() and app.isascii() and _is_name(app.replace("-", "_"))):
            raise ValueError(f"Config({app!r}): expected a name of letters, digits, - and _")
        self.app = app
        self._environ = os.environ if environ is None else environ
        self._folder = caller_folder()
        where = os.fspath(packaged or os.path.join(self._folder, "defaults.ini"))
        self._etc = os.fspath(etc or os.path.join("/etc", app))
        self._sources = load_sources(app, self._environ, where, self._etc)
        self._problems = ProblemList(list(self._sources.problems))
        if packaged and not os.path.isfile(where):
            self._problems.certain.append(f"Config(packaged=...): there is no file {where}")
        # For each name: the reader, default, help, and the code and instruction that read it.
        self._reads: dict[str, tuple[str, object, str, CodeType, int]] = {}
        command = command_line()
        self.building = is_building(self._environ, command)
        self._checks_for_production = checks_for_production(command)
        if self.building:
            never_serve()
        _configs.append(self)
        show_without_traceback(command)
        if self._problems.certain:
            _schedule(self)

    def __repr__(self) -> str:
        return f"Config({self.app!r})"

    # Everything other than values.

    @property
    def data(self) -> Path:
        """The folder for data that outlives releases: ``$STATE_DIRECTORY`` or the project folder.

        If ``$STATE_DIRECTORY`` has several folders, it is the first.
        Commands that check or build for production get the folder on a host, ``/var/lib/<app>``.
        """
        state = self._environ.get("STATE_DIRECTORY", "").partition(":")[0]
        if state:
            return Path(state)
        on_a_host = self.building or self._checks_for_production
        return Path("/var/lib", self.app) if on_a_host else Path(self._folder).parent

    @property
    def local(self) -> bool:
        """Whether this is a release in the built-in environment ``local``: this machine, no TLS."""
        return self._environ.get("DEPLOYKIT_ENVIRONMENT") == "local"

    def logging(self, level: str = "INFO") -> readers.Entry:
        """Return LOGGING to standard error. Errors are also mailed to ADMINS.

        Requests do not wait for the mail.
        """
        from django_deploykit.conf import production

        return production.logging(level)

    def production(self) -> readers.Entry:
        """Return settings for a site behind a TLS proxy: ``globals().update(config.production())``.

        They set LOGGING, HTTPS only, secure cookies and HSTS for an hour. With DEBUG on, or in the
        environment ``local``, they do not require TLS. The configuration can change ``SECURE``,
        ``SECURE_HSTS_SECONDS`` and ``SECURE_HSTS_INCLUDE_SUBDOMAINS``.
        """
        from django_deploykit.conf import production

        before = set(self._reads)
        secure = self.bool(
            "SECURE",
            default=not (self.local or self._in_debug()),
            help="The site uses HTTPS only",
        )
        seconds = self.int(
            "SECURE_HSTS_SECONDS",
            default=3600,
            help="How long browsers insist on HTTPS; raise it step by step",
        )
        subdomains = self.bool(
            "SECURE_HSTS_INCLUDE_SUBDOMAINS",
            default=True,
            help="Every subdomain uses HTTPS too",
        )
        frame = sys._getframe(1)  # noqa: SLF001 - the settings' line that calls this one
        for name in self._reads.keys() - before:
            self._reads[name] = (*self._reads[name][:3], frame.f_code, frame.f_lasti)
        return production.settings(secure=secure, hsts=seconds, subdomains=subdomains)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems so far, one line for each."""
        return tuple(self._problems.all(debug=self._in_debug()))

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """The settings that were read so far."""
        from django_deploykit.conf.declarations import declaration

        return tuple(
            declaration(self.app, kind, name, default, help_text, line_of(code, instruction))
            for name, (kind, default, help_text, code, instruction) in self._reads.items()
        )

    @property
    def sources(self) -> Sources:
        """The files and the environment that values come from."""
        return self._sources

    def check(self) -> None:
        """Raise :class:`ConfigError` if there are problems so far."""
        if self.problems:
            raise ConfigError(self.app, self.problems)

    def _in_debug(self) -> bool:
        """Whether DEBUG is on. It is read from the sources if settings.py has not read it yet."""
        if self._debug is None:
            try:
                text = self._sources.text("DEBUG")
                return text is not None and readers.read_bool(text)
            except (OSError, ValueError):
                return False
        return self._debug

    def _read(
        self,
        kind: str,
        name: str,
        default: object,
        help: str,
        read: Callable[[str], object],
        placeholder: object,
        problem_of: readers.Problem | None = None,
        *,
        parse_default: bool = True,
    ) -> Any:
        """Return a value.

        ``problem_of`` returns what is wrong with a value that is only allowed with DEBUG on.
        """
        if name not in self._reads:
            frame = sys._getframe(2)  # noqa: SLF001 - the line that reads the setting
            self._reads[name] = (kind, default, help, frame.f_code, frame.f_lasti)
        # Problems are raised outside of the except clauses and without the text, because frames
        # and the context of an exception have their locals, and the text may be a secret.
        problem = ""
        try:
            text = self._sources.text(name)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            text, problem = None, f"{name}_FILE: the file cannot be read: {reason}"
        if problem:
            return self._problem(problem, placeholder)
        if text is None:
            return self._absent(kind, name, default, read, placeholder, problem_of, parse_default)
        try:
            value = read(text)
            if problem_of is None or not (problem := problem_of(value)):
                return value
            kept = _Kept(value)
            del value
        except ValueError as error:
            problem, kept = str(error), None
        del text
        found = self._sources.find(name)
        where = found.where if found else name
        if kept is None:
            return self._problem(f"{where}: {problem}", placeholder)
        return self._problem(f"{where}: {problem}", kept, unless_debug=True).value

    def _absent(
        self,
        kind: str,
        name: str,
        default: object,
        read: Callable[[str], object],
        placeholder: object,
        problem_of: readers.Problem | None,
        parse: bool,
    ) -> object:
        """Return the default of a setting that no source has, or its placeholder."""
        if not _is_name(name):
            raise ValueError(f"config.{kind}({name!r}): expected a name such as DATABASE_URL")
        if default is MISSING:
            if self.building:
                return placeholder
            return self._problem(_is_not_set(self, kind, name), placeholder)
        if problem_of is None and (read is str or not isinstance(default, str)):
            return default
        value, problem = default, ""
        if parse and isinstance(default, str):
            try:
                value = read(default)
            except ValueError as error:
                problem = f"{name}: the default in the settings: {error}"
        if problem:
            return self._problem(problem, placeholder)
        if problem_of and value and not self.building and (problem := problem_of(value)):
            text = f"{name}: the default in the settings: {problem}"
            self._problem(text, None, unless_debug=True)
        return value

    def _problem(self, text: str, returned: T, *, unless_debug: bool = False) -> T:
        """Add a problem and return ``returned``, or raise the problem if no settings are loaded."""
        self._problems.add(text, unless_debug=unless_debug)
        _schedule(self)
        return returned


class _Kept:
    """A value that frames do not show, because it may be a secret."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and name[0] != "_"


def _schedule(config: Config) -> None:
    """Raise the problems at the end of the settings module, or at once if none is being loaded.

    Django calls ``dir(module)`` as soon as it has imported the settings, and a module may define
    ``__dir__`` (PEP 562). By then all problems and DEBUG are known. For the reasons against other
    ways, see docs/decisions/0030.
    """
    modules = loading_settings()
    if not modules:
        config.check()
    for names in modules:
        names["__dir__"] = partial(_at_the_end, config.app, names)


def _at_the_end(app: str, names: dict[str, object]) -> list[str]:
    debug = names.get("DEBUG") is True
    problems = [one for config in _configs for one in config._problems.all(debug=debug)]  # noqa: SLF001 - our own class
    if problems:
        raise ConfigError(app, problems)
    names.pop("__dir__", None)
    return list(names)


def configs() -> tuple[Config, ...]:
    """Return every Config, in the order of their creation."""
    return tuple(_configs)


def _is_not_set(config: Config, kind: str, name: str) -> str:
    """Return the problem of a required setting that no source has."""
    from django_deploykit.conf.declarations import place

    key = key_of(*place(config.app, name))
    etc = config._etc  # noqa: SLF001 - our own class
    text = (
        f"{name} is not set: expected {_article(kind)}; set {key} in {etc}/{config.app}.ini or the "
        f"file that {prefix(config.app)}CONFIG names, or {name} in the environment"
    )
    similar = config.sources.similar(name, [one.env for one in config.declarations])
    return f"{text}. Is it {similar}, misspelled?" if similar else text


def _article(kind: str) -> str:
    name = {
        "str": "text",
        "bool": "true or false",
        "int": "a whole number",
        "list": "a list",
        "database": "a URL such as postgres://user:password@host/name",
        "cache": "a URL such as redis://host:6379/0",
        "email": "a URL such as submission://user:password@host:587",
    }
    return name.get(kind, f"a {kind}" if kind[0] not in "aeiou" else f"an {kind}")
