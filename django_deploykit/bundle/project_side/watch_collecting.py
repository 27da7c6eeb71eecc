"""Records how static files are collected, so that a later build collects only those that changed.

``ask_project_traced`` imports this file from its own folder, in the export. It imports only Django
and the standard library.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import posixpath
from collections.abc import Callable, Collection, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from django.core.files.storage import Storage

    from django_deploykit.bundle.project_side.project_facts import ProjectFacts

_FINDERS = {
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
}
_MOST = 100_000  # static files; of more, there is no record
_SETTINGS = ("DEBUG", "INSTALLED_APPS", "STATIC", "STORAGES", "WHITENOISE_")
_KNOWN = (
    "django.",
    "whitenoise.",
)  # whose storages process each file by its content and references


class Collecting:
    """What collectstatic does, if only Django's and WhiteNoise's code decides it.

    ``accessed`` returns the events so far. ``earlier`` is a JSON file, if only some files are
    collected: the ``paths`` in the manifest of an earlier run, the names that are ``collected``
    again, and the static files that are ``missing`` in this export.
    """

    def __init__(self, accessed: Callable[[], Collection[tuple[str, str]]], earlier: str) -> None:
        self._accessed = accessed
        self._earlier: dict[str, Any] = _json(earlier) if earlier else {}
        self.files: dict[str, str] = {}  # the source in the export, by the name of a static file
        self.outside: list[str] = []  # static files of packages
        self.references: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def recorded(self, facts: ProjectFacts) -> Iterator[None]:
        """Record what is collected in this block, and add it to the facts."""
        from django.contrib.staticfiles import storage as module

        staticfiles_storage: Any = module.staticfiles_storage
        if not is_known(staticfiles_storage):
            yield
            return
        before = set(self._accessed())
        storage = staticfiles_storage._wrapped  # noqa: SLF001 - methods of this object are replaced
        self._watch_references(storage)
        self._watch_files(storage)
        if self._earlier:
            self._complete_manifest(storage)
        yield
        if len(self.files) + len(self.outside) <= _MOST and not self._read_before(before):
            facts.record_collecting(
                options_of(storage), _iter_roots(), self.files, self.outside, self.references
            )

    def _watch_files(self, storage: Any) -> None:
        original = getattr(storage, "post_process", None)

        def post_process(
            paths: dict[str, tuple[Storage, str]], dry_run: bool = False, **options: object
        ) -> object:
            for name, (place, path) in paths.items():
                folder, base = os.path.split(place.path(path))
                source = os.path.normpath(os.path.join(_below_export(folder), base))
                if source.startswith(".."):
                    self.outside.append(name)
                else:
                    self.files[name] = source
            return original(paths, dry_run=dry_run, **options) if original else iter(())

        storage.post_process = post_process

    def _watch_references(self, storage: Any) -> None:
        if not hasattr(storage, "url_converter"):
            return
        converter, stored_name = storage.url_converter, storage._stored_name  # noqa: SLF001
        current = [""]

        def url_converter(name: str, *args: object, **options: object) -> object:
            current[0] = name
            return converter(name, *args, **options)

        def recorded(name: str, hashed_files: dict[str, str]) -> object:
            target = posixpath.normpath(name)
            # The storage looks for the quoted name, and then for the file without the query.
            both = (target, urlsplit(unquote(target)).path.strip())
            self.references.setdefault(current[0], set()).update(both)
            return stored_name(name, hashed_files)

        storage.url_converter, storage._stored_name = url_converter, recorded  # noqa: SLF001

    def _complete_manifest(self, storage: Any) -> None:
        """Let the storage write a manifest that also has the files of the earlier run."""
        if not hasattr(storage, "save_manifest"):
            return
        again, paths = set(self._earlier["collected"]), self._earlier["paths"].items()
        others = {name: hashed for name, hashed in paths if name not in again}
        save = storage.save_manifest

        def save_manifest() -> None:
            own = storage.hashed_files.items()
            mine = {name: hashed for name, hashed in own if name in again}
            storage.hashed_files = {**others, **mine}
            save()

        storage.save_manifest = save_manifest

    def _read_before(self, events: Collection[tuple[str, str]]) -> bool:
        """Whether the project read or listed static files before they were collected."""
        every = (*self.files.values(), *self._earlier.get("missing", ()))
        sources = set(map(os.path.abspath, every))
        sources |= {os.path.dirname(source) for source in sources}
        return any(os.path.abspath(name) in sources for _, name in events)


def _json(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@functools.cache
def _below_export(folder: str) -> str:
    """Return a folder relative to the export."""
    return os.path.relpath(os.path.realpath(folder))


def _iter_roots() -> Iterator[tuple[str, str]]:
    """Yield the prefix and the folder of all places of static files in the export.

    Also of those that do not exist: the next commit may have them.
    """
    from django.apps import apps
    from django.contrib.staticfiles import finders

    finder: Any
    for finder in finders.get_finders():
        rows = getattr(finder, "locations", None)
        if rows is None:
            rows = [
                ("", os.path.join(app.path, finder.source_dir)) for app in apps.get_app_configs()
            ]
        for prefix, folder in rows:
            place = _below_export(str(folder))
            if not place.startswith(".."):
                yield prefix, place


def is_known(storage: Any) -> bool:
    """Whether the result for a static file depends only on its content and its references."""
    from django.conf import settings
    from django.contrib.staticfiles import finders
    from django.core.management import get_commands

    storage.path("")  # the storage is made when it is first used
    real = storage._wrapped  # noqa: SLF001
    owner = get_commands().get("collectstatic")
    return (
        set(settings.STATICFILES_FINDERS) <= _FINDERS
        and all(has_known_code(type(finder)) for finder in finders.get_finders())
        and getattr(owner, "name", owner) == "django.contrib.staticfiles"
        and getattr(real, "manifest_storage", real) is real
        and has_known_code(type(real))
    )


def has_known_code(kind: type) -> bool:
    """Whether all methods of a class are Django's or WhiteNoise's. It may have other options."""
    return all(map(_is_known, kind.__mro__[:-1]))


def _is_known(kind: type) -> bool:
    known = kind.__module__.startswith(_KNOWN)
    for name, value in vars(kind).items():
        if name in ("__dict__", "__weakref__", "__annotate__", "__annotate_func__"):
            continue
        if isinstance(value, FunctionType):
            if not value.__module__.startswith(_KNOWN):
                return False
        elif not known and (callable(value) or hasattr(value, "__get__")):
            return False
    return True


def options_of(storage: object) -> str:
    """Return the settings and the storage's options, which the result depends on, too."""
    from django.apps import apps
    from django.conf import settings

    names = [name for name in dir(settings) if name.startswith(_SETTINGS)]
    rows = [(name, _text(getattr(settings, name))) for name in names]
    app: Any = apps.get_app_config("staticfiles")
    rows += [("ignored", repr(app.ignore_patterns))]
    kind = type(storage)
    rows += [
        (name, _text(getattr(storage, name)))
        for name in dir(kind)
        if name[:1] != "_"
        and not hasattr(getattr(kind, name), "__get__")
        and not callable(getattr(kind, name))
    ]
    return repr(sorted(rows)).replace(os.getcwd(), ".")


def _text(value: object) -> str:
    """Return a value as text. Lazy objects in it are evaluated: until then, their text differs."""
    from django.utils.functional import LazyObject

    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, LazyObject):
        bool(value)
    return repr(value)
