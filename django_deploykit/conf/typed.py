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

from django_deploykit.conf import decouple, readers
from django_deploykit.conf.decouple import MISSING
from django_deploykit.conf.readers import Entry, Problem
from django_deploykit.conf.secret import PLACEHOLDER, Secret, hide, looks_secret

D = TypeVar("D")
_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"


class Readers(ABC):
    """Typed readers over the texts that ``_read`` finds.

    ``_debug`` is DEBUG once it was read. ``_folder`` is the folder of the settings.
    """

    _debug: _Bool | None = None
    _folder: _Str

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
        if looks_secret(name):
            return self._read("str", name, default, help, Secret, PLACEHOLDER)
        return self._read("str", name, default, help, _Str, "")

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
        read = _secrets if looks_secret(name) else readers.read_list
        return self._read("list", name, default, help, read, [])

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
            return Secret(text) if looks_secret(name) else text

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
        placeholder = "https://example.invalid/"
        return self._read("url", name, default, help, readers.read_url, placeholder)

    def json(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> Any:
        """Return any JSON value. A ``default`` is the value, or JSON text if it is a string."""
        secret = looks_secret(name)

        def read(text: _Str) -> object:
            return hide(readers.read_json(text), everything=secret)

        return self._read("json", name, default, help, read, {})

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

        return self._read("secret", name, default, help, Secret, PLACEHOLDER, problem_of)

    @overload
    def hosts(self, name: _Str, *, help: _Str = ...) -> _List[_Str]: ...
    @overload
    def hosts(self, name: _Str, *, default: D, help: _Str = ...) -> _List[_Str] | D: ...
    def hosts(self, name: _Str, *, default: object = MISSING, help: _Str = "") -> object:
        """Return ALLOWED_HOSTS: names without scheme, port, path or quotes. ``*`` only in DEBUG."""

        return self._read(
            "hosts", name, default, help, readers.read_hosts, [], readers.star_problem
        )

    @overload
    def database(self, name: _Str = ..., *, help: _Str = ...) -> Entry: ...
    @overload
    def database(self, name: _Str = ..., *, default: _Str, help: _Str = ...) -> Entry: ...
    @overload
    def database(self, name: _Str = ..., *, default: D, help: _Str = ...) -> Entry | D: ...
    def database(
        self, name: _Str = "DATABASE_URL", *, default: object = MISSING, help: _Str = ""
    ) -> object:
        """Return an entry of DATABASES for a URL; see :func:`services.database`.

        Connections are kept for a minute, unless the Procfile serves the project with ASGI. A
        relative path of an SQLite file is relative to the project, and only allowed with DEBUG on.
        """
        from django_deploykit.conf import services, serving

        project = serving.project_of(Path(self._folder))

        def read(url: _Str) -> Entry:
            keep = 0 if serving.is_asgi(project) else services.KEEP
            return services.database(url, project, keep)

        placeholder = {"ENGINE": services.PLACEHOLDER_DATABASE}
        problem_of = services.relative_problem
        return self._read("database", name, default, help, read, placeholder, problem_of)

    @overload
    def cache(self, name: _Str = ..., *, help: _Str = ...) -> Entry: ...
    @overload
    def cache(self, name: _Str = ..., *, default: _Str, help: _Str = ...) -> Entry: ...
    @overload
    def cache(self, name: _Str = ..., *, default: D, help: _Str = ...) -> Entry | D: ...
    def cache(
        self, name: _Str = "CACHE_URL", *, default: object = MISSING, help: _Str = ""
    ) -> object:
        """Return an entry of CACHES for a URL; see :func:`services.cache`."""
        from django_deploykit.conf import services

        placeholder = {"BACKEND": services.PLACEHOLDER_CACHE}
        return self._read("cache", name, default, help, services.cache, placeholder)

    @overload
    def email(self, name: _Str = ..., *, help: _Str = ...) -> Entry: ...
    @overload
    def email(self, name: _Str = ..., *, default: _Str, help: _Str = ...) -> Entry: ...
    @overload
    def email(self, name: _Str = ..., *, default: D, help: _Str = ...) -> Entry | D: ...
    def email(
        self, name: _Str = "EMAIL_URL", *, default: object = MISSING, help: _Str = ""
    ) -> object:
        """Return the mail settings for a URL: ``globals().update(config.email())``.

        They are ``MAILERS`` for Django 6.1 and later, and ``EMAIL_*`` for earlier versions.
        """
        from django_deploykit.conf import services

        backend = services.PLACEHOLDER_MAIL
        if not _has_mailers():
            placeholder: Entry = {"EMAIL_BACKEND": backend}
            return self._read("email", name, default, help, services.email, placeholder)

        def read(url: _Str) -> Entry:
            return {"MAILERS": services.mailers(url)}

        placeholder = {"MAILERS": {"default": {"BACKEND": backend}}}
        return self._read("email", name, default, help, read, placeholder)

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
            parse_default=False,
        )
        if key == "DEBUG":
            self._debug = value is True
        return value


def _secrets(text: _Str) -> _List[_Str]:
    return [Secret(item) for item in readers.read_list(text)]


def _has_mailers() -> _Bool:
    """Whether this version of Django has MAILERS. It is not in Django's default settings yet."""
    import django

    return django.VERSION >= (6, 1)
