"""``Config``: the one object that settings.py reads its configuration through."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django_deploykit.conf import production, readers
from django_deploykit.conf.compat import MISSING
from django_deploykit.conf.declared import Declaration, as_text, place
from django_deploykit.conf.errors import Collected, ConfigError, show_without_traceback
from django_deploykit.conf.layers import Found, Layers, load_layers, prefix
from django_deploykit.conf.loading import (
    caller_folder,
    caller_line,
    for_production,
    is_building,
    loading_settings,
    never_serve,
)
from django_deploykit.conf.secret import HIDDEN
from django_deploykit.conf.typed import Readers

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_configs: list[Config] = []


class Config(Readers):
    """Typed readers over INI files, systemd credentials and the environment.

    ``Config("shop")`` reads, from weakest to strongest, ``packaged`` (default: ``defaults.ini``
    beside the settings), ``/etc/shop/shop.ini`` and ``/etc/shop/conf.d/*.ini``,
    ``$CREDENTIALS_DIRECTORY``, the file named by ``SHOP_CONFIG``, ``NAME_FILE`` and the environment.
    A name is the environment's: ``DATABASE_URL`` is ``[database] url`` in an INI, ``DEBUG``
    ``[django] debug``, each with ``SHOP_`` before it too.

    Problems are collected: while Django loads the settings they are raised together when the module
    is done, otherwise at once, as :class:`ConfigError`.
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
        self._layers: Layers = load_layers(app, self._environ, where, self._etc)
        self._problems = Collected(list(self._layers.problems))
        if packaged and not where.is_file():
            self._problems.certain.append(f"Config(packaged=...): {where} is no file")
        self._declared: dict[str, Declaration] = {}
        self.building = is_building(self._environ)
        if self.building:
            never_serve()
        _configs.append(self)
        show_without_traceback()
        if self._problems.certain:
            self._schedule()

    def __repr__(self) -> str:
        return f"Config({self.app!r})"

    # What settings and tools ask beside values.

    @property
    def data(self) -> Path:
        """The folder for what outlives a release: ``$STATE_DIRECTORY``, in a working copy the project's.

        Commands that judge or build for production get the folder of a host, ``/var/lib/<app>``.
        """
        state = self._environ.get("STATE_DIRECTORY", "").partition(":")[0]
        if state:
            return Path(state)
        judged = self.building or for_production()
        return Path("/var/lib") / self.app if judged else self._folder.parent

    @property
    def local(self) -> bool:
        """Whether this is a release in the built-in environment ``local``: this machine, without TLS."""
        return self._environ.get("DEPLOYKIT_ENVIRONMENT") == "local"

    def logging(self, level: str = "INFO") -> dict[str, Any]:
        """Return LOGGING: everything to standard error, errors by mail to ADMINS too; no request waits for it."""
        return production.logging(level)

    def production(self) -> dict[str, Any]:
        """Return what a site behind a proxy that speaks TLS needs: ``globals().update(config.production())``.

        LOGGING, HTTPS alone, secure cookies, HSTS for an hour. Without TLS in DEBUG and in the
        environment ``local``; ``SECURE``, ``SECURE_HSTS_SECONDS`` and
        ``SECURE_HSTS_INCLUDE_SUBDOMAINS`` of the configuration change it.
        """
        secure = self.bool(
            "SECURE",
            default=not (self.local or self._in_debug()),
            help="The site is reached through HTTPS alone",
        )
        seconds = self.int(
            "SECURE_HSTS_SECONDS",
            default=3600,
            help="How long browsers keep to HTTPS; raise it step by step",
        )
        subdomains = self.bool(
            "SECURE_HSTS_INCLUDE_SUBDOMAINS",
            default=True,
            help="Whether every subdomain is reached through HTTPS too",
        )
        return production.settings(secure=secure, hsts=seconds, subdomains=subdomains)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong so far, a line each."""
        return tuple(self.told(debug=self._in_debug()))

    def told(self, *, debug: bool) -> list[str]:
        """Return what is wrong so far where DEBUG is on or off."""
        return self._problems.told(debug=debug)

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """What was read so far."""
        return tuple(self._declared.values())

    @property
    def layers(self) -> Layers:
        """The sources."""
        return self._layers

    def check(self) -> None:
        """Raise :class:`ConfigError` for everything that is wrong so far."""
        if self.problems:
            raise ConfigError(self.app, self.problems)

    def _in_debug(self) -> bool:
        """Whether DEBUG is on, read ahead where settings.py reads it later."""
        if self._debug is None:
            try:
                found = self._layers.find("DEBUG")
                return found is not None and readers.read_bool(found.text)
            except (OSError, ValueError):
                return False
        return self._debug

    def _read(
        self,
        kind: str,
        name: str,
        default: Any,
        help: str,
        read: Callable[[str], Any],
        stand_in: Any,
        judge: Callable[[Any], str] | None = None,
        *,
        secret: bool = False,
        parse_default: bool = True,
    ) -> Any:
        """Return a value; ``judge`` says what is wrong with one that will do in DEBUG alone."""
        if not _NAME.match(name):
            raise ValueError(f"config.{kind}({name!r}): expected a name as DATABASE_URL")
        name = name.upper()
        self._declare(kind, name, default, help, secret)
        # Problems are told outside the except clauses: an exception's context holds frames, and
        # their locals hold the value, which may be a secret.
        problem = ""
        try:
            found = self._layers.find(name)
        except (OSError, UnicodeDecodeError) as error:
            found = None
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            problem = f"{name}_FILE: the file cannot be read: {reason}"
        if problem:
            return self._problem(problem, stand_in)
        if found is None:
            return self._default(kind, name, default, read, stand_in, judge, parse_default)
        try:
            value = read(found.text)
        except ValueError as error:
            problem = self._told(found, str(error), secret)
        if problem:
            return self._problem(problem, stand_in)
        if judge and (doubt := judge(value)):
            self._problem(self._told(found, doubt, secret), None, unless_debug=True)
        return value

    def _default(
        self,
        kind: str,
        name: str,
        default: Any,
        read: Callable[[str], Any],
        stand_in: Any,
        judge: Callable[[Any], str] | None,
        parse: bool,
    ) -> Any:
        if default is MISSING:
            if self.building:
                return stand_in
            section, option = place(self.app, name)
            return self._problem(
                f"{name} is not set: expected {_article(kind)}; set [{section}] {option} in "
                f"{self._etc}/{self.app}.ini or the file that {prefix(self.app)}CONFIG names, "
                f"or {name} in the environment",
                stand_in,
            )
        value, problem = default, ""
        if parse and isinstance(default, str):
            try:
                value = read(default)
            except ValueError as error:
                problem = f"{name}: the default in the settings: {error}"
        if problem:
            return self._problem(problem, stand_in)
        if judge and value and not self.building and (doubt := judge(value)):
            self._problem(f"{name}: the default in the settings: {doubt}", None, unless_debug=True)
        return value

    def _told(self, found: Found, message: str, secret: bool) -> str:
        if secret and found.text and found.text in message:
            message = message.replace(found.text, HIDDEN)
        return f"{found.where}: {message}"

    def _declare(self, kind: str, name: str, default: Any, help: str, secret: bool) -> None:
        if name in self._declared:
            return
        section, option = place(self.app, name)
        required = default is MISSING
        text = "" if required or secret else as_text(default)
        where = caller_line()
        self._declared[name] = Declaration(
            section, option, name, kind, required, secret, text, help, where
        )

    def _problem(self, text: str, stand_in: Any, *, unless_debug: bool = False) -> Any:
        self._problems.add(text, unless_debug=unless_debug)
        self._schedule()
        return stand_in

    def _schedule(self) -> None:
        """Raise when the settings module is read to its end, at once where there is none.

        Django calls ``dir(module)`` as soon as it has imported the settings, and a module may
        define ``__dir__`` (PEP 562). So that is where all problems come out together, and where
        DEBUG is known for certain.
        """
        modules = loading_settings()
        if not modules:
            self.check()
        for names in modules:
            names["__dir__"] = partial(self._at_the_end, names)

    def _at_the_end(self, names: dict[str, Any]) -> list[str]:
        debug = names.get("DEBUG") is True
        problems = [one for config in _configs for one in config.told(debug=debug)]
        if problems:
            raise ConfigError(self.app, problems)
        names.pop("__dir__", None)
        return list(names)


def configs() -> tuple[Config, ...]:
    """Return every Config that was made, in order."""
    return tuple(_configs)


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
