"""``Config``: the one object that settings.py reads its configuration through."""

from __future__ import annotations

import os
import re
import sys
from builtins import bool as _Bool
from builtins import float as _Float
from builtins import int as _Int
from builtins import list as _List
from builtins import str as _Str
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, overload

from django_deploykit.conf import readers, services
from django_deploykit.conf.declared import Declaration, as_text, place
from django_deploykit.conf.errors import ConfigError, show_without_traceback
from django_deploykit.conf.layers import Found, Layers, load_layers, prefix
from django_deploykit.conf.loading import (
    caller_folder,
    caller_line,
    loading_settings,
    never_serve,
)
from django_deploykit.conf.secret import HIDDEN, Secret, StandIn

T = TypeVar("T")
D = TypeVar("D")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
# manage.py commands that read settings but serve nobody: required values may be missing for them.
_BUILDING = (
    "bundle",
    "release",
    "deploy_check",
    "collectstatic",
    "compilemessages",
    "makemessages",
)


class _Missing:
    def __repr__(self) -> str:
        return "required"


MISSING: Any = _Missing()
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
        self._problems: _List[_Str] = _List(self._layers.problems)
        self._declared: dict[_Str, Declaration] = {}
        self._debug: _Bool | None = None
        self.building = _is_building(self._environ)
        if self.building:
            never_serve()
        _configs.append(self)
        if self._problems:
            self._schedule()

    def __repr__(self) -> _Str:
        return f"Config({self.app!r})"

    # The readers, one a kind.

    @overload
    def str(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def str(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def str(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return the text as it stands."""
        return self._read("str", name, default, help, lambda text: text, "")

    @overload
    def bool(self, name: _Str, *, help: _Str = ...) -> _Bool: ...
    @overload
    def bool(self, name: _Str, *, default: D, help: _Str = ...) -> _Bool | D: ...
    def bool(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return a truth value: true/false, yes/no, on/off, 1/0; a typo is an error."""
        value = self._read("bool", name, default, help, readers.read_bool, False)
        if name == "DEBUG":
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
        """Return an absolute URL."""
        return self._read("url", name, default, help, readers.read_url, "https://example.invalid/")

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

        def read(text: _Str) -> Secret:
            problem = readers.judge_secret(text, signing=name == "SECRET_KEY")
            if problem and not self._in_debug():
                raise ValueError(f"{problem}. Make one: {_GENERATE}")
            return Secret(text)

        stand_in = StandIn("stand-in for building, never for serving " * 2)
        return self._read("secret", name, default, help, read, stand_in, secret=True)

    @overload
    def hosts(self, name: _Str, *, help: _Str = ...) -> _List[_Str]: ...
    @overload
    def hosts(self, name: _Str, *, default: D, help: _Str = ...) -> _List[_Str] | D: ...
    def hosts(self, name: _Str, *, default: Any = MISSING, help: _Str = "") -> Any:
        """Return host names for ALLOWED_HOSTS: no scheme, port, path or quotes; ``*`` only in DEBUG."""

        def read(text: _Str) -> _List[_Str]:
            return readers.read_hosts(text, debug=self._in_debug())

        return self._read("hosts", name, default, help, read, [])

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
        """Read as python-decouple's ``config`` does; its ``Csv`` and ``Choices`` work as ``cast``."""
        import decouple

        if default is decouple.undefined:
            default = MISSING
        if cast is MISSING or cast is decouple.undefined:
            convert: Callable[[_Str], Any] = lambda text: text  # noqa: E731
            kind = "str"
        elif cast is _Bool:
            convert, kind = readers.read_bool, "bool"
        else:
            convert, kind = cast, getattr(cast, "__name__", "value")
        if default is not MISSING and default is not None and convert is not readers.read_bool:
            default = convert(default)  # decouple casts defaults too
        stand_in = _decouple_stand_in(convert)
        return self._read(kind, name, default, "", _quiet(convert), stand_in, parse_default=False)

    # What settings and tools ask beside values.

    @property
    def data(self) -> Path:
        """The folder for what outlives a release: ``$STATE_DIRECTORY``, in a working copy the project's.

        Commands that judge or build for production get the folder of a host, ``/var/lib/<app>``.
        """
        state = self._environ.get("STATE_DIRECTORY", "").partition(":")[0]
        if state:
            return Path(state)
        return Path("/var/lib") / self.app if self.building else self._folder.parent

    @property
    def local(self) -> _Bool:
        """Whether this is a release in the built-in environment ``local``: this machine, without TLS."""
        return self._environ.get("DEPLOYKIT_ENVIRONMENT") == "local"

    def logging(self, level: _Str = "INFO") -> dict[_Str, Any]:
        """Return LOGGING that sends everything to standard error, where systemd's journal keeps it."""
        style = {"format": "{levelname} {name}: {message}", "style": "{"}
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": style},
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["console"], "level": level},
        }

    @property
    def problems(self) -> tuple[_Str, ...]:
        """What is wrong so far, a line each."""
        return tuple(self._problems)

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
        if self._problems:
            raise ConfigError(self.app, self._problems)

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
        *,
        secret: _Bool = False,
        parse_default: _Bool = True,
    ) -> Any:
        if not _NAME.match(name):
            raise ValueError(f"config.{kind}({name!r}): expected a name as DATABASE_URL")
        name = name.upper()
        self._declare(kind, name, default, help, secret)
        try:
            found = self._layers.find(name)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            return self._problem(f"{name}_FILE: the file cannot be read: {reason}", stand_in)
        if found is None:
            return self._default(kind, name, default, read, stand_in, parse_default)
        try:
            return read(found.text)
        except ValueError as error:
            return self._problem(self._told(found, error, secret), stand_in)

    def _default(
        self,
        kind: _Str,
        name: _Str,
        default: Any,
        read: Callable[[_Str], Any],
        stand_in: Any,
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
        if not parse or not isinstance(default, _Str) or kind == "str":
            return default
        try:
            return read(default)
        except ValueError as error:
            if kind in ("secret", "hosts") and self.building:
                return default
            return self._problem(f"{name}: the default in the settings: {error}", stand_in)

    def _told(self, found: Found, error: ValueError, secret: _Bool) -> _Str:
        message = _Str(error)
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

    def _problem(self, text: _Str, stand_in: Any) -> Any:
        if text not in self._problems:
            self._problems.append(text)
        self._schedule()
        return stand_in

    def _schedule(self) -> None:
        """Raise when the settings module is read to its end, at once where there is none.

        Django calls ``dir(module)`` as soon as it has imported the settings, and a module may
        define ``__dir__`` (PEP 562). So that is where all problems come out together.
        """
        modules = loading_settings()
        if not modules:
            self.check()
        show_without_traceback()
        for names in modules:
            names["__dir__"] = self._raise_all

    def _raise_all(self) -> Any:
        problems = [problem for config in _configs for problem in config.problems]
        raise ConfigError(self.app, problems)


_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"


def configs() -> tuple[Config, ...]:
    """Return every Config that was made, in order."""
    return tuple(_configs)


def _is_building(environ: Mapping[str, str]) -> bool:
    if environ.get("DEPLOYKIT_BUILD") == "1":
        return True
    return sys.argv[1:2] != [] and sys.argv[1] in _BUILDING and "--server" not in sys.argv


def _has_mailers() -> bool:
    from django.conf import global_settings

    return hasattr(global_settings, "MAILERS")


def _mailers(url: str) -> dict[str, Any]:
    return {"MAILERS": services.mailers(url)}


def _article(kind: str) -> str:
    name = {"str": "text", "bool": "true or false", "int": "a whole number", "list": "a list"}
    return name.get(kind, f"a {kind}" if kind[0] not in "aeiou" else f"an {kind}")


def _quiet(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Wrap a foreign cast: its message may hold the value, so only its kind is told."""
    if convert is readers.read_bool:
        return convert

    def read(text: str) -> Any:
        try:
            return convert(text)
        except Exception as error:  # noqa: BLE001 - whatever a foreign cast raises
            name = getattr(convert, "__name__", type(convert).__name__)
            raise ValueError(f"{name} does not accept it ({type(error).__name__})") from None

    return read


def _decouple_stand_in(convert: Callable[[str], Any]) -> Any:
    for text in ("stand-in", "1", ""):
        try:
            return convert(text)
        except Exception:  # noqa: BLE001, S112 - whatever a foreign cast raises
            continue
    return None


__all__ = ["MISSING", "Config", "ConfigError", "configs", "prefix"]
