"""The package indexes that a project's file declares, as options for uv."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django_deploykit.conf.urls import standard_parts

_PUBLIC = ("pypi.org", "pypi.python.org")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Index:
    """A package index. The default one takes the place of the public index."""

    name: str
    url: str
    default: bool = False

    @property
    def public(self) -> bool:
        """Whether it is the public index. pip's or uv's settings say where that is reached."""
        parts = standard_parts(self.url)
        return parts is not None and parts.hostname in _PUBLIC

    @property
    def with_credentials(self) -> bool:
        """Whether the URL has a password, or variables, which uv only replaces in a file."""
        return "${" in self.url or "@" in self.url.partition("://")[2].partition("/")[0]


def index_options(indexes: Iterable[Index]) -> tuple[str, ...]:
    """Return the options of a lock file for these indexes.

    An index with a name becomes ``--index NAME=URL``, so that uv's variables
    ``UV_INDEX_NAME_USERNAME`` and ``UV_INDEX_NAME_PASSWORD`` work. That is an argument of uv. A URL
    with a password must not be one; it becomes a line of a file.

    >>> index_options([Index("corp", "https://corp.example.com/simple", default=True)])
    ('--default-index corp=https://corp.example.com/simple',)
    >>> index_options([Index("corp", "https://${USER}:${PASS}@corp.example.com/simple")])
    ('--extra-index-url https://${USER}:${PASS}@corp.example.com/simple',)
    """
    return tuple(dict.fromkeys(_option(one) for one in indexes if not one.public))


def _option(index: Index) -> str:
    if index.with_credentials:
        return f"{'--index-url' if index.default else '--extra-index-url'} {index.url}"
    option = "--default-index" if index.default else "--index"
    name = f"{index.name}=" if _NAME.fullmatch(index.name) else ""
    return f"{option} {name}{index.url}"


def index_arguments(options: Iterable[str]) -> list[str]:
    """Return the words of the options that are arguments of uv."""
    return [word for one in options if is_argument(one) for word in one.split(" ", 1)]


def is_argument(option: str) -> bool:
    """Whether an option of a lock file is an argument of uv, not a line of a requirements file."""
    return option.startswith(("--index ", "--default-index "))
