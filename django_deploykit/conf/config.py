"""``Config``: the one object that settings.py reads its configuration through."""

from __future__ import annotations

import os
import re
from builtins import bool as _Bool
from builtins import float as _Float
from builtins import int as _Int
from builtins import list as _List
from builtins import str as _Str
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

from django_deploykit.conf import compat, production, readers, services
from django_deploykit.conf.compat import MISSING
from django_deploykit.conf.declared import Declaration, as_text, place
from django_deploykit.conf.errors import Collected, ConfigError, show_without_traceback
from django_deploykit.conf.layers import Found, Layers, load_layers
from django_deploykit.conf.loading import (
    caller_folder,
    caller_line,
    for_production,
    is_building,
    loading_settings,
    never_serve,
)
from django_deploykit.conf.secret import HIDDEN, Secret, StandIn, has_password, looks_secret

D = TypeVar("D")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_configs: list[Config] = []


class Config:
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
        app: _Str,
        *,
        packaged: Path | _Str | None = None,
        etc: Path | _Str | None = None,
        environ: Mapping[_Str, _Str] | None = None,
    ) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", app):
            raise ValueError(f"Config({app!r}): expected a name of letters, digits, - and _")
        self.app = app
        self._environ = os.environ if environ is None else environ
        self._folder = caller_folder()
        where = Path(packaged) if packaged else self._folder / "defaults.ini"
        self._etc = Path(etc) if etc else Path("/etc") / app
        self._layers: Layers = load_layers(app, self._environ, where, self._etc)
        self._problems = Collected(_List(self._layers.problems))
        if packaged and not where.is_file():
            self._problems.certain.append(f"Config(packaged=...): {where} is no file")
        self._declared: dict[_Str, Declaration] = {}
        self._debug: _Bool | None = None
        self.building = is_building(self._environ)
        if self.building:
            never_serve()
        _configs.append(self)
        show_without_traceback()
        if self._problems.certain:
            self._schedule()

    def __repr__(self) -> _Str:
        return f"Config({self.app!r})"

    # The readers, one a kind.

    @overload
    def str(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def str(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def str(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return the text as it stands; a name like ``SMTP_PASSWORD`` gets a string that hides itself."""
        read = Secret if looks_secret(name) else _Str
        return self._read("str", name, default, help, read, "", secret=looks_secret(name))

    @overload
    def bool(self, name: _Str, *, help: _Str = ...) -> _Bool: ...
    @overload
    def bool(self, name: _Str, *, default: D, help: _Str = ...) -> _Bool | D: ...
    def bool(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return a truth value: true/false, yes/no, on/off, 1/0; a typo is an error."""
        value = self._read("bool", name, default, help, readers.read_bool, False)
        if name.upper() == "DEBUG":
            self._debug = value is True
        return value

    @overload
    def int(self, name: _Str, *, help: _Str = ...) -> _Int: ...
    @overload
    def int(self, name: _Str, *, default: D, help: _Str = ...) -> _Int | D: ...
    def int(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return a whole number."""
        return self._read("int", name, default, help, readers.read_int, 1)

    @overload
    def float(self, name: _Str, *, help: _Str = ...) -> _Float: ...
    @overload
    def float(self, name: _Str, *, default: D, help: _Str = ...) -> _Float | D: ...
    def float(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return a finite number."""
        return self._read("float", name, default, help, readers.read_float, 1.0)

    @overload
    def duration(self, name: _Str, *, help: _Str = ...) -> timedelta: ...
    @overload
    def duration(self, name: _Str, *, default: timedelta | _Str, help: _Str = ...) -> timedelta: ...
    @overload
    def duration(self, name: _Str, *, default: D, help: _Str = ...) -> timedelta | D: ...
    def duration(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return a time span: ``90`` (seconds), ``500ms``, ``5m``, ``1h30m``, ``2d``."""
        stand_in = timedelta(seconds=1)
        return self._read("duration", name, default, help, readers.read_duration, stand_in)

    @overload
    def list(self, name: _Str, *, help: _Str = ...) -> _List[_Str]: ...
    @overload
    def list(self, name: _Str, *, default: D, help: _Str = ...) -> _List[_Str] | D: ...
    def list(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return what stands between commas or on lines of its own."""
        return self._read("list", name, default, help, readers.read_list, [])

    @overload
    def choice(self, name: _Str, choices: Sequence[_Str], *, help: _Str = ...) -> _Str: ...
    @overload
    def choice(
        self, name: _Str, choices: Sequence[_Str], *, default: D, help: _Str = ...
    ) -> _Str | D: ...
    def choice(
        self, name: _Str, choices: Sequence[_Str], *, default: Any = MISSING, help: _Str = ""
    ) -> Any:
        """Return one of ``choices``."""

        def read(text: _Str) -> _Str:
            if text not in choices:
                raise ValueError(f"expected one of {', '.join(choices)}")
            return text

        return self._read("choice", name, default, help, read, choices[0])

    @overload
    def path(self, name: _Str, *, help: _Str = ...) -> Path: ...
    @overload
    def path(self, name: _Str, *, default: Path | _Str, help: _Str = ...) -> Path: ...
    @overload
    def path(self, name: _Str, *, default: D, help: _Str = ...) -> Path | D: ...
    def path(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return an absolute path."""
        return self._read("path", name, default, help, readers.read_path, Path("/nonexistent"))

    @overload
    def url(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def url(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def url(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return an absolute URL; one with a password hides itself as a secret does."""
        hidden = looks_secret(name) or (isinstance(default, _Str) and has_password(default))
        stand_in = "https://example.invalid/"
        return self._read("url", name, default, help, readers.read_url, stand_in, secret=hidden)

    def json(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return any JSON value; a ``default`` is the value itself."""
        return self._read("json", name, default, help, readers.read_json, None)

    @overload
    def secret(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def secret(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def secret(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return a string that never shows itself in a repr, a traceback or a debug page.

        Placeholders are refused outside DEBUG, and for ``SECRET_KEY`` weak and
        ``django-insecure-`` keys too.
        """

        def judge(value: Any) -> _Str:
            problem = readers.judge_secret(value, signing=name.upper() == "SECRET_KEY")
            return f"{problem}. Make one: {_GENERATE}" if problem else ""

        return self._read("secret", name, default, help, Secret, _STAND_IN, judge, secret=True)

    @overload
    def hosts(self, name: _Str, *, help: _Str = ...) -> _List[_Str]: ...
    @overload
    def hosts(self, name: _Str, *, default: D, help: _Str = ...) -> _List[_Str] | D: ...
    def hosts(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return host names for ALLOWED_HOSTS: no scheme, port, path or quotes; ``*`` only in DEBUG."""

        return self._read("hosts", name, default, help, readers.read_hosts, [], readers.judge_star)

    def database(
        self, name: _Str = "DATABASE_URL", *, default: Any = MISSING, help: _Str = ""
    ) -> dict[_Str, Any]:
        """Return an entry of DATABASES for a URL; see :func:`services.database`."""
        stand_in = {"ENGINE": "django.db.backends.dummy"}
        read = services.database
        return self._read("database", name, default, help, read, stand_in, secret=True)  # type: ignore[no-any-return]

    def cache(
        self, name: _Str = "CACHE_URL", *, default: Any = MISSING, help: _Str = ""
    ) -> dict[_Str, Any]:
        """Return an entry of CACHES for a URL; see :func:`services.cache`."""
        stand_in = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
        return self._read("cache", name, default, help, services.cache, stand_in, secret=True)  # type: ignore[no-any-return]

    def email(
        self, name: _Str = "EMAIL_URL", *, default: Any = MISSING, help: _Str = ""
    ) -> dict[_Str, Any]:
        """Return the mail settings for a URL: ``globals().update(config.email())``.

        ``MAILERS`` for Django 6.1 and later, the ``EMAIL_*`` settings before.
        """
        read = _mailers if _has_mailers() else services.email
        stand_in = read("dummy://")
        return self._read("email", name, default, help, read, stand_in, secret=True)  # type: ignore[no-any-return]

    def __call__(self, name: _Str, default: Any = MISSING, cast: Any = MISSING) -> Any:
        """Read as python-decouple's ``config`` does; its ``Csv`` and ``Choices`` work as ``cast``.

        SECRET_KEY, ALLOWED_HOSTS and DEBUG are judged here too.
        """
        key = name.upper()
        convert, kind = compat.converter(cast)
        hidden = looks_secret(key) and kind == "str"
        value = self._read(
            kind,
            name,
            compat.cast_default(default, convert),
            "",
            Secret if hidden else compat.quiet(convert),
            compat.stand_in(convert),
            compat.judge_for(key),
            secret=hidden,
            parse_default=False,
        )
        if key == "DEBUG":
            self._debug = value is True
        return value

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
    def local(self) -> _Bool:
        """Whether this is a release in the built-in environment ``local``: this machine, without TLS."""
        return self._environ.get("DEPLOYKIT_ENVIRONMENT") == "local"

    def logging(self, level: _Str = "INFO") -> dict[_Str, Any]:
        """Return LOGGING: everything to standard error, errors by mail to ADMINS too; no request waits for it."""
        return production.logging(level)

    def production(self) -> dict[_Str, Any]:
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
    def problems(self) -> tuple[_Str, ...]:
        """What is wrong so far, a line each."""
        return tuple(self.told(debug=self._in_debug()))

    def told(self, *, debug: _Bool) -> _List[_Str]:
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

    def _in_debug(self) -> _Bool:
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
        kind: _Str,
        name: _Str,
        default: Any,
        help: _Str,
        read: Callable[[_Str], Any],
        stand_in: Any,
        judge: Callable[[Any], _Str] | None = None,
        *,
        secret: _Bool = False,
        parse_default: _Bool = True,
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
            problem = self._told(found, _Str(error), secret)
        if problem:
            return self._problem(problem, stand_in)
        if judge and (doubt := judge(value)):
            self._problem(self._told(found, doubt, secret), None, unless_debug=True)
        return value

    def _default(
        self,
        kind: _Str,
        name: _Str,
        default: Any,
        read: Callable[[_Str], Any],
        stand_in: Any,
        judge: Callable[[Any], _Str] | None,
        parse: _Bool,
    ) -> Any:
        if default is MISSING:
            if self.building:
                return stand_in
            section, option = place(self.app, name)
            return self._problem(
                f"{name} is not set: expected {_article(kind)}; set [{section}] {option} in "
                f"{self._etc}/{self.app}.ini or {name} in the environment",
                stand_in,
            )
        value, problem = default, ""
        if parse and isinstance(default, _Str):
            try:
                value = read(default)
            except ValueError as error:
                problem = f"{name}: the default in the settings: {error}"
        if problem:
            return self._problem(problem, stand_in)
        if judge and value and not self.building and (doubt := judge(value)):
            self._problem(f"{name}: the default in the settings: {doubt}", None, unless_debug=True)
        return value

    def _told(self, found: Found, message: _Str, secret: _Bool) -> _Str:
        if secret and found.text and found.text in message:
            message = message.replace(found.text, HIDDEN)
        return f"{found.where}: {message}"

    def _declare(self, kind: _Str, name: _Str, default: Any, help: _Str, secret: _Bool) -> None:
        if name in self._declared:
            return
        section, option = place(self.app, name)
        required = default is MISSING
        text = "" if required or secret else as_text(default)
        where = caller_line()
        self._declared[name] = Declaration(
            section, option, name, kind, required, secret, text, help, where
        )

    def _problem(self, text: _Str, stand_in: Any, *, unless_debug: _Bool = False) -> Any:
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

    def _at_the_end(self, names: dict[_Str, Any]) -> _List[_Str]:
        debug = names.get("DEBUG") is True
        problems = [one for config in _configs for one in config.told(debug=debug)]
        if problems:
            raise ConfigError(self.app, problems)
        names.pop("__dir__", None)
        return _List(names)


_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
_STAND_IN = StandIn("stand-in for building, never for serving " * 2)


def configs() -> tuple[Config, ...]:
    """Return every Config that was made, in order."""
    return tuple(_configs)


def _has_mailers() -> bool:
    from django.conf import global_settings

    return hasattr(global_settings, "MAILERS")


def _mailers(url: str) -> dict[str, Any]:
    return {"MAILERS": services.mailers(url)}


def _article(kind: str) -> str:
    name = {"str": "text", "bool": "true or false", "int": "a whole number", "list": "a list"}
    return name.get(kind, f"a {kind}" if kind[0] not in "aeiou" else f"an {kind}")


__all__ = ["MISSING", "Config", "ConfigError", "configs"]
