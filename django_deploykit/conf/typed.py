"""The typed readers of ``Config``: how each converts a text, and its placeholder while building."""

from __future__ import annotations

from abc import ABC, abstractmethod
from builtins import bool as _Bool
from builtins import float as _Float
from builtins import int as _Int
from builtins import list as _List
from builtins import str as _Str
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, overload

from django_deploykit.conf import decouple, readers, services
from django_deploykit.conf.decouple import MISSING
from django_deploykit.conf.readers import Problem
from django_deploykit.conf.secret import Secret, StandIn, has_password, looks_secret
from django_deploykit.conf.services import Entry

D = TypeVar("D")
_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
_PLACEHOLDER = StandIn("placeholder for building, never for serving " * 2)


class Readers(ABC):
    """Typed readers over the texts that ``_read`` finds. ``_debug`` is DEBUG once it was read."""

    _debug: _Bool | None = None

    @abstractmethod
    def _read(
        self,
        kind: _Str,
        name: _Str,
        default: object,
        help: _Str,
        read: Callable[[_Str], object],
        placeholder: object,
        problem_of: Problem | None = None,
        *,
        secret: _Bool = False,
        parse_default: _Bool = True,
    ) -> Any:
        """Return a value.

        ``problem_of`` returns what is wrong with a value that is only allowed with DEBUG on.
        """

    @overload
    def str(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def str(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def str(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return the text unchanged. A name such as ``SMTP_PASSWORD`` gives it a hidden repr."""
        read = Secret if looks_secret(name) else _Str
        return self._read("str", name, default, help, read, "", secret=looks_secret(name))

    @overload
    def bool(self, name: _Str, *, help: _Str = ...) -> _Bool: ...
    @overload
    def bool(self, name: _Str, *, default: D, help: _Str = ...) -> _Bool | D: ...
    def bool(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return a boolean from true/false, yes/no, on/off or 1/0. A typo is an error."""
        value = self._read("bool", name, default, help, readers.read_bool, False)
        if name.upper() == "DEBUG":
            self._debug = value is True
        return value

    @overload
    def int(self, name: _Str, *, help: _Str = ...) -> _Int: ...
    @overload
    def int(self, name: _Str, *, default: D, help: _Str = ...) -> _Int | D: ...
    def int(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return an integer."""
        return self._read("int", name, default, help, readers.read_int, 1)

    @overload
    def float(self, name: _Str, *, help: _Str = ...) -> _Float: ...
    @overload
    def float(self, name: _Str, *, default: D, help: _Str = ...) -> _Float | D: ...
    def float(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return a finite number."""
        return self._read("float", name, default, help, readers.read_float, 1.0)

    @overload
    def duration(self, name: _Str, *, help: _Str = ...) -> timedelta: ...
    @overload
    def duration(self, name: _Str, *, default: timedelta | _Str, help: _Str = ...) -> timedelta: ...
    @overload
    def duration(self, name: _Str, *, default: D, help: _Str = ...) -> timedelta | D: ...
    def duration(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return a time span: ``90`` (seconds), ``500ms``, ``5m``, ``1h30m``, ``2d``."""
        placeholder = timedelta(seconds=1)
        return self._read("duration", name, default, help, readers.read_duration, placeholder)

    @overload
    def list(self, name: _Str, *, help: _Str = ...) -> _List[_Str]: ...
    @overload
    def list(self, name: _Str, *, default: D, help: _Str = ...) -> _List[_Str] | D: ...
    def list(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return a list of the items between commas or newlines."""
        return self._read("list", name, default, help, readers.read_list, [])

    @overload
    def choice(self, name: _Str, choices: Sequence[_Str], *, help: _Str = ...) -> _Str: ...
    @overload
    def choice(
        self, name: _Str, choices: Sequence[_Str], *, default: D, help: _Str = ...
    ) -> _Str | D: ...
    def choice(
        self, name: _Str, choices: Sequence[_Str], *, default: object = MISSING, help: _Str = ""
    ) -> object:
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
    def path(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return an absolute path."""
        return self._read("path", name, default, help, readers.read_path, Path("/nonexistent"))

    @overload
    def url(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def url(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def url(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return an absolute URL. A URL with a password has a hidden repr."""
        hidden = looks_secret(name) or (isinstance(default, _Str) and has_password(default))
        placeholder = "https://example.invalid/"
        return self._read("url", name, default, help, readers.read_url, placeholder, secret=hidden)

    def json(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> Any:
        """Return any JSON value. A ``default`` is the value, or JSON text if it is a string."""
        return self._read("json", name, default, help, readers.read_json, None)

    @overload
    def secret(self, name: _Str, *, help: _Str = ...) -> _Str: ...
    @overload
    def secret(self, name: _Str, *, default: D, help: _Str = ...) -> _Str | D: ...
    def secret(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return a string that is hidden in reprs, tracebacks and debug pages.

        With DEBUG off, placeholders are errors. For ``SECRET_KEY``, so are weak keys and keys that
        start with ``django-insecure-``.
        """

        def problem_of(value: object) -> _Str:
            if not isinstance(value, _Str):
                return ""
            problem = readers.secret_problem(value, signing=name.upper() == "SECRET_KEY")
            return f"{problem}. Make one: {_GENERATE}" if problem else ""

        return self._read(
            "secret", name, default, help, Secret, _PLACEHOLDER, problem_of, secret=True
        )

    @overload
    def hosts(self, name: _Str, *, help: _Str = ...) -> _List[_Str]: ...
    @overload
    def hosts(self, name: _Str, *, default: D, help: _Str = ...) -> _List[_Str] | D: ...
    def hosts(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return ALLOWED_HOSTS: names without scheme, port, path or quotes. ``*`` only in DEBUG."""

        return self._read(
            "hosts", name, default, help, readers.read_hosts, [], readers.star_problem
        )

    def database(
        self, name: _Str = "DATABASE_URL", *, default: object = MISSING, help: _Str = ""
    ) -> Entry:
        """Return an entry of DATABASES for a URL; see :func:`services.database`."""
        placeholder = {"ENGINE": "django.db.backends.dummy"}
        read = services.database
        entry: Entry = self._read("database", name, default, help, read, placeholder, secret=True)
        return entry

    def cache(
        self, name: _Str = "CACHE_URL", *, default: object = MISSING, help: _Str = ""
    ) -> Entry:
        """Return an entry of CACHES for a URL; see :func:`services.cache`."""
        placeholder = {"BACKEND": services.StandInBackend(services.CACHES["dummy"])}
        entry: Entry = self._read(
            "cache", name, default, help, services.cache, placeholder, secret=True
        )
        return entry

    def email(
        self, name: _Str = "EMAIL_URL", *, default: object = MISSING, help: _Str = ""
    ) -> Entry:
        """Return the mail settings for a URL: ``globals().update(config.email())``.

        They are ``MAILERS`` for Django 6.1 and later, and ``EMAIL_*`` for earlier versions.
        """
        read = _mailers if _has_mailers() else services.email
        backend = services.StandInBackend(services.MAILERS["dummy"])
        placeholder = (
            {"MAILERS": {"default": {"BACKEND": backend}}}
            if _has_mailers()
            else {"EMAIL_BACKEND": backend}
        )
        entry: Entry = self._read("email", name, default, help, read, placeholder, secret=True)
        return entry

    def __call__(self, name: _Str, default: object = MISSING, cast: Any = MISSING) -> Any:
        """Return a value as python-decouple's ``config`` does.

        decouple's ``Csv`` and ``Choices`` work as ``cast``. SECRET_KEY and ALLOWED_HOSTS are
        validated here too.
        """
        key = name.upper()
        convert, kind = decouple.converter(cast)
        hidden = looks_secret(key) and kind == "str"
        value = self._read(
            kind,
            name,
            decouple.cast_default(default, convert),
            "",
            Secret if hidden else decouple.quiet(convert),
            decouple.placeholder(convert),
            decouple.problem_for(key),
            secret=hidden,
            parse_default=False,
        )
        if key == "DEBUG":
            self._debug = value is True
        return value


def _has_mailers() -> bool:
    """Whether this version of Django has MAILERS. It is not in Django's default settings yet."""
    import django

    return django.VERSION >= (6, 1)


def _mailers(url: str) -> Entry:
    return {"MAILERS": services.mailers(url)}
