"""``Config``: the object through which settings.py reads its configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django_deploykit.conf import production, readers
from django_deploykit.conf.declarations import Declaration, as_text, place
from django_deploykit.conf.decouple import MISSING
from django_deploykit.conf.errors import ConfigError, ProblemList, show_without_traceback
from django_deploykit.conf.loading import (
    caller_folder,
    caller_line,
    checks_for_production,
    command_line,
    is_building,
    loading_settings,
    never_serve,
)
from django_deploykit.conf.secret import HIDDEN
from django_deploykit.conf.services import Entry
from django_deploykit.conf.sources import Sources, Value, load_sources
from django_deploykit.conf.typed import Readers
from django_deploykit.runtime.base.option_names import key_of, prefix

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
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
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", app):
            raise ValueError(f"Config({app!r}): expected a name of letters, digits, - and _")
        self.app = app
        self._environ = os.environ if environ is None else environ
        self._folder = caller_folder()
        where = Path(packaged) if packaged else self._folder / "defaults.ini"
        self._etc = Path(etc) if etc else Path("/etc") / app
        self._sources = load_sources(app, self._environ, where, self._etc)
        self._problems = ProblemList(list(self._sources.problems))
        if packaged and not where.is_file():
            self._problems.certain.append(f"Config(packaged=...): there is no file {where}")
        self._declared: dict[str, Declaration] = {}
        command = command_line()
        self.building = is_building(self._environ, command)
        self._checks_for_production = checks_for_production(command)
        if self.building:
            never_serve()
        _configs.append(self)
        show_without_traceback(command)
        if self._problems.certain:
            self._schedule()

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
        return Path("/var/lib") / self.app if on_a_host else self._folder.parent

    @property
    def local(self) -> bool:
        """Whether this is a release in the built-in environment ``local``: this machine, no TLS."""
        return self._environ.get("DEPLOYKIT_ENVIRONMENT") == "local"

    def logging(self, level: str = "INFO") -> Entry:
        """Return LOGGING to standard error. Errors are also mailed to ADMINS.

        Requests do not wait for the mail.
        """
        return production.logging(level)

    def production(self) -> Entry:
        """Return settings for a site behind a TLS proxy: ``globals().update(config.production())``.

        They set LOGGING, HTTPS only, secure cookies and HSTS for an hour. With DEBUG on, or in the
        environment ``local``, they do not require TLS. The configuration can change ``SECURE``,
        ``SECURE_HSTS_SECONDS`` and ``SECURE_HSTS_INCLUDE_SUBDOMAINS``.
        """
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
        return production.settings(secure=secure, hsts=seconds, subdomains=subdomains)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems so far, one line for each."""
        return tuple(self._problems.all(debug=self._in_debug()))

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """The settings that were read so far."""
        return tuple(self._declared.values())

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
                found = self._sources.find("DEBUG")
                return found is not None and readers.read_bool(found.text)
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
        secret: bool = False,
        parse_default: bool = True,
    ) -> Any:
        """Return a value.

        ``problem_of`` returns what is wrong with a value that is only allowed with DEBUG on.
        """
        if not _NAME.match(name):
            raise ValueError(f"config.{kind}({name!r}): expected a name as DATABASE_URL")
        name = name.upper()
        self._declare(kind, name, default, help, secret)
        # Problems are raised outside of the except clauses, because an exception's context has
        # frames, and their locals have the value, which may be a secret.
        problem = ""
        try:
            found = self._sources.find(name)
        except (OSError, UnicodeDecodeError) as error:
            found = None
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            problem = f"{name}_FILE: the file cannot be read: {reason}"
        if problem:
            return self._problem(problem, placeholder)
        if found is None:
            return self._default(kind, name, default, read, placeholder, problem_of, parse_default)
        try:
            value = read(found.text)
        except ValueError as error:
            problem = _placed(found, str(error), secret)
        if problem:
            return self._problem(problem, placeholder)
        if problem_of and (problem := problem_of(value)):
            self._problem(_placed(found, problem, secret), None, unless_debug=True)
        return value

    def _default(
        self,
        kind: str,
        name: str,
        default: object,
        read: Callable[[str], object],
        placeholder: object,
        problem_of: readers.Problem | None,
        parse: bool,
    ) -> object:
        if default is MISSING:
            if self.building:
                return placeholder
            key = key_of(*place(self.app, name))
            return self._problem(
                f"{name} is not set: expected {_article(kind)}; set {key} in "
                f"{self._etc}/{self.app}.ini or the file that {prefix(self.app)}CONFIG names, "
                f"or {name} in the environment",
                placeholder,
            )
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

    def _declare(self, kind: str, name: str, default: object, help: str, secret: bool) -> None:
        if name in self._declared:
            return
        section, option = place(self.app, name)
        required = default is MISSING
        text = "" if required or secret else as_text(default)
        where = caller_line()
        self._declared[name] = Declaration(
            section, option, name, kind, required, secret, text, help, where
        )

    def _problem(self, text: str, placeholder: object, *, unless_debug: bool = False) -> object:
        self._problems.add(text, unless_debug=unless_debug)
        self._schedule()
        return placeholder

    def _schedule(self) -> None:
        """Raise the problems at the end of the settings module, or at once if none is being loaded.

        Django calls ``dir(module)`` as soon as it has imported the settings, and a module may
        define ``__dir__`` (PEP 562). By then all problems and DEBUG are known. For the reasons
        against other ways, see docs/decisions/0030.
        """
        modules = loading_settings()
        if not modules:
            self.check()
        for names in modules:
            names["__dir__"] = partial(self._at_the_end, names)

    def _at_the_end(self, names: dict[str, object]) -> list[str]:
        debug = names.get("DEBUG") is True
        problems = [one for config in _configs for one in config._problems.all(debug=debug)]  # noqa: SLF001 - our own class
        if problems:
            raise ConfigError(self.app, problems)
        names.pop("__dir__", None)
        return list(names)


def configs() -> tuple[Config, ...]:
    """Return every Config, in the order of their creation."""
    return tuple(_configs)


def _placed(value: Value, message: str, secret: bool) -> str:
    """Return a message with the value's place. A secret value is hidden in it."""
    if secret and value.text and value.text in message:
        message = message.replace(value.text, HIDDEN)
    return f"{value.where}: {message}"


def _article(kind: str) -> str:
    name = {
        "str": "text",
        "bool": "true or false",
        "int": "a whole number",
        "list": "a list",
        "database": "a URL as postgres://user:password@host/name",
        "cache": "a URL as redis://host:6379/0",
        "email": "a URL as submission://user:password@host:587",
    }
    return name.get(kind, f"a {kind}" if kind[0] not in "aeiou" else f"an {kind}")
