"""Loads the project once, collects its static files, and writes facts about it.

``ask_project_traced`` and ``try_project`` import this file from their own folder, in the export. It
imports only Django and the standard library.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.core.files.storage import Storage

    from django_deploykit.bundle.project_side.project_facts import ProjectFacts

    # What records how static files are collected, while they are.
    Watch = Callable[[ProjectFacts], contextlib.AbstractContextManager[object]]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LONGEST = 100_000  # characters of an error's text
_ONLY_BELOW = (
    "Collecting for a bundle only writes below STATIC_ROOT. To upload static files, use a storage "
    "that is not a folder: then a release runs collectstatic before it goes live."
)


class Refusal(Exception):
    """A mistake in the project, with a message and a hint."""


class Inside:
    """While it is ``on``, code of the project can neither write outside of ``place`` nor connect."""

    def __init__(self, place: str) -> None:
        self.place = os.path.join(os.path.realpath(place), "")
        self.on = False
        self.left = ""  # the first attempt, in case the project catches the exception
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: Sequence[Any]) -> None:
        if not self.on:
            return
        what = ""
        if event == "socket.connect":
            what = self._connected(args[1])
        elif event in ("os.rename", "os.remove") or (event == "open" and (args[2] or 0) & _WRITES):
            what = self._written(args[1] if event == "os.rename" else args[0])
        if what:
            self.left = self.left or what
            raise Refusal(what, _ONLY_BELOW)

    def _connected(self, address: str | bytes | tuple[object, ...]) -> str:
        if isinstance(address, (str, bytes)):
            return self._written(address) and f"it connects to {os.fsdecode(address)}"
        return f"it connects to {address[0]}:{address[1]}"

    def _written(self, path: object) -> str:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return ""  # a file descriptor
        name = os.path.realpath(os.fsdecode(path))
        allowed = name.startswith((self.place, "/dev/", "/proc/"))
        return "" if allowed else f"it writes {name}, outside the project"


@contextlib.contextmanager
def recorded_reads(names: set[str]) -> Iterator[None]:
    """Add the names of the environment variables that the project reads, also through a library."""
    kind = type(os.environ)  # get() and getenv() end in this method
    folder, original = os.path.join(os.getcwd(), ""), kind.__getitem__

    def read(environ: os._Environ[str], name: str) -> str:
        frame = sys._getframe(1)  # noqa: SLF001 - who asks
        if isinstance(name, str) and name[:10] != "DEPLOYKIT_" and is_code_of(frame, folder):
            names.add(name)
        return original(environ, name)

    kind.__getitem__ = read  # type: ignore[method-assign]
    try:
        yield
    finally:
        kind.__getitem__ = original  # type: ignore[method-assign]


def is_code_of(frame: FrameType | None, folder: str) -> bool:
    """Whether code below a folder runs or called what runs; importing a library is not a call.

    The values of a class of django-configurations are read by that library for the project.
    """
    ends = ("<frozen importlib", __file__)  # the project's manage.py called this file
    while frame and not frame.f_code.co_filename.startswith(ends):
        name = frame.f_code.co_filename
        if name.startswith(folder) or name.endswith("/configurations/values.py"):
            return True
        frame = frame.f_back
    return False


def main(answer: str, place: str, facts: ProjectFacts, watch: Watch) -> None:
    """Write facts to ``answer``. Collect static files below ``place``, within ``watch``."""
    sys.path[0] = os.getcwd()  # in place of this file's folder
    inside = Inside(place)
    recorded(
        facts, lambda: as_manage_py(lambda: recorded(facts, lambda: collect(facts, inside, watch)))
    )
    facts.write(answer)


def recorded(facts: ProjectFacts, work: Callable[[], None]) -> None:
    """Do some work. If it raises an exception, write the reason to the facts."""
    try:
        work()
    except Refusal as error:
        facts.problem, facts.hint = error.args
    except SystemExit as error:
        if facts.stage != "done" and not facts.problem:
            facts.problem = f"the project exited with {error.code!r}"
    except BaseException as error:  # noqa: BLE001 - a project may raise anything
        facts.problem = facts.problem or f"{type(error).__name__}: {error}"[:_LONGEST]
        facts.where = facts.where or place_of(error)
        facts.missing = missing_module(error)


def missing_module(error: BaseException | None) -> str:
    """Return the name of the module whose absence caused an error, or an empty string."""
    seen: set[int] = set()  # a chain of causes may be a circle
    while error is not None and id(error) not in seen:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return error.name
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return ""


def as_manage_py(work: Callable[[], None]) -> None:
    """Do some work in place of the command that manage.py runs.

    So everything that manage.py does before, for example to ``sys.path``, is done.
    """
    from django.core.management import ManagementUtility

    names = ("DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION")
    chosen = {name: os.environ[name] for name in names if os.environ.get(name)}
    execute = ManagementUtility.execute
    done = []

    def instead(self: ManagementUtility) -> None:  # noqa: ARG001 - a method
        ManagementUtility.execute = execute  # type: ignore[method-assign]
        os.environ.update(chosen)  # manage.py may name the settings of another environment
        done.append(True)
        work()

    path = os.path.abspath("manage.py")
    if os.path.exists(path):
        ManagementUtility.execute = instead  # type: ignore[method-assign]
        arguments, sys.argv = sys.argv, [path, "collectstatic", "--noinput"]
        try:
            runpy.run_path(path, run_name="__main__")
        finally:
            sys.argv = arguments
    if not done:
        work()


def collect(facts: ProjectFacts, inside: Inside, watch: Watch) -> None:
    """Collect the facts and the static files, stage by stage."""
    gather(facts)
    collect_files(facts, inside, watch)
    facts.stage = "done"


def gather(facts: ProjectFacts) -> None:
    """Load the settings and the apps, and collect the facts."""
    facts.stage = "settings"
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise RuntimeError(
            "manage.py names no DJANGO_SETTINGS_MODULE; set it in [project] settings of deploykit.ini"
        )
    import django
    from django.conf import settings

    names: set[str] = set()
    with recorded_reads(names):
        settings.INSTALLED_APPS  # noqa: B018 - loads the settings
    facts.reads = tuple(sorted(names))
    facts.stage = "setup"
    django.setup()
    facts.stage = "facts"
    staticfiles = "django.contrib.staticfiles" in settings.INSTALLED_APPS
    remote = remote_storage() if staticfiles else ""
    asgi = getattr(settings, "ASGI_APPLICATION", None)
    facts.settings_module = settings.SETTINGS_MODULE
    facts.wsgi = callable_of(settings.WSGI_APPLICATION, "wsgi", settings.SETTINGS_MODULE)
    facts.asgi = callable_of(asgi, "asgi", settings.SETTINGS_MODULE)
    facts.asgi_named = bool(asgi)
    facts.apps = tuple(str(app) for app in settings.INSTALLED_APPS)
    facts.static_root = "" if remote else static_root(staticfiles)
    facts.remote_static = remote
    facts.static_url = settings.STATIC_URL or ""
    facts.staticfiles = staticfiles
    facts.outside = tuple(outside_folders(staticfiles))
    configuration(facts)


def collect_files(
    facts: ProjectFacts, inside: Inside, watch: Watch = contextlib.nullcontext
) -> None:
    """Collect the static files, if there are any."""
    if not (facts.staticfiles and facts.static_root):
        return
    facts.stage = "collectstatic"
    validate_root(facts.static_root)
    inside.on = True
    try:
        with watch(facts):
            collect_static()
    finally:
        inside.on = False
    if inside.left:
        raise Refusal(inside.left, _ONLY_BELOW)
    forget_times(facts.static_root)


def remote_storage() -> str:
    """Return the class of the staticfiles storage if it is not a folder, else an empty string.

    An object of it is only made if the class does not show that.
    """
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.exceptions import ImproperlyConfigured
    from django.core.files.storage import Storage
    from django.utils.module_loading import import_string

    name = str(settings.STORAGES.get("staticfiles", {}).get("BACKEND", ""))
    if name and getattr(import_string(name), "path", None) is Storage.path:
        return name
    try:
        staticfiles_storage.path("")
    except NotImplementedError:
        return name
    except ImproperlyConfigured:  # STATIC_ROOT is not set
        pass
    return ""


def outside_folders(staticfiles: bool) -> list[tuple[str, str]]:
    """Return settings, and folders that they name outside of the project, relative to it.

    A release has no such folders. Static files of one that exists here are collected. A folder is
    left out if the setting also has one of the same name inside the project: it may be a copy.
    """
    from django.conf import settings

    rows = [("TEMPLATES", one) for engine in settings.TEMPLATES for one in engine.get("DIRS", ())]
    rows += [("LOCALE_PATHS", one) for one in settings.LOCALE_PATHS]
    for entry in settings.STATICFILES_DIRS if staticfiles else ():
        folder = entry[1] if isinstance(entry, (list, tuple)) else entry
        if not os.path.isdir(folder):
            rows.append(("STATICFILES_DIRS", folder))
    found = [(name, os.path.relpath(os.path.abspath(folder))) for name, folder in rows]
    copies = {(name, os.path.basename(one)) for name, one in found if not one.startswith("..")}
    return [
        (name, one)
        for name, one in found
        if one.startswith("../") and (name, os.path.basename(one)) not in copies
    ]


def static_root(staticfiles: bool) -> str:
    """Return the folder of collected files, the storage's own if it has one. It may be empty."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.exceptions import ImproperlyConfigured

    root = settings.STATIC_ROOT
    if staticfiles:
        try:
            root = staticfiles_storage.path("")
        except ImproperlyConfigured:
            root = ""
    return os.path.abspath(root) if root else ""


def validate_root(root: str) -> None:
    """Raise :class:`Refusal` if STATIC_ROOT is not a folder below the project's folder."""
    inside = os.path.relpath(root, os.getcwd())
    hint = "Set it to a folder of the project: STATIC_ROOT = BASE_DIR / 'staticfiles'."
    if inside == "." or inside.startswith(".."):
        where = "the project's folder itself" if inside == "." else f"{root}, outside the project"
        raise Refusal(f"STATIC_ROOT is {where}; its content would be bundled", hint)


def collect_static() -> None:
    """Collect static files. Raise :class:`Refusal` if a file refers to a missing file."""
    from django.contrib.staticfiles import finders
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command

    validate_manifest(staticfiles_storage)
    errors = io.StringIO()
    try:
        options = {"interactive": False, "verbosity": 1, "no_color": True}
        call_command("collectstatic", stdout=io.StringIO(), stderr=errors, **options)
    except Exception as error:
        match = re.search(r"Post-processing '(.+)' failed", errors.getvalue())
        if match is None:
            raise
        found = finders.find(match[1])
        name = os.path.relpath(found) if isinstance(found, str) else match[1]
        text = str(error).strip()
        raise Refusal(
            f"{match[1] if name.startswith('..') else name}: {text}",
            "Add the missing file, or remove the reference to it.",
        ) from error
    order_manifest(staticfiles_storage)


def validate_manifest(storage: Storage) -> None:
    """Raise :class:`Refusal` if the storage writes its manifest to a place that is no folder."""
    place = getattr(storage, "manifest_storage", None) or storage
    try:
        place.path("x")
    except NotImplementedError:
        name = f"{type(place).__module__}.{type(place).__qualname__}"
        raise Refusal(
            f"the manifest of the static files is written to {name}, which is not a folder",
            "Remove manifest_storage: then it is in STATIC_ROOT, and in the bundle.",
        ) from None


def forget_times(root: str) -> None:
    """Remove the time that some tools (django-compressor) write to gzip files."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".gz") or os.path.islink(path):
                continue
            with open(path, "rb") as file:
                head = file.read(8)
            # Flag 2: the header has a checksum, so it stays unchanged.
            if len(head) == 8 and head[:2] == b"\x1f\x8b" and not head[3] & 2 and any(head[4:]):
                with open(path, "r+b") as file:
                    file.seek(4)
                    file.write(bytes(4))


def order_manifest(storage: Storage) -> None:
    """Sort the storage's manifest. Its order is the order in which the disk listed the files."""
    name = getattr(storage, "manifest_name", "")
    place = getattr(storage, "manifest_storage", None)
    path = place.path(name) if place and name else ""
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file, sort_keys=True)


def configuration(facts: ProjectFacts) -> None:
    """Add the configuration that the project declares with django_deploykit.conf, if any."""
    try:
        conf = importlib.import_module("django_deploykit.conf")
    except ImportError:
        return
    declared: Any = getattr(conf, "declared", tuple)()
    facts.required = tuple(f"[{one.section}] {one.option}" for one in declared if one.required)
    facts.sample = conf.sample(declared) if declared else ""
    facts.configs = tuple(one.app for one in getattr(conf, "configs", tuple)())
    facts.reads = tuple(sorted({*facts.reads, *(one.env for one in declared)}))


def callable_of(dotted: str | None, name: str, settings: str) -> str:
    """Return an application as gunicorn names it, or an empty string if the project has none."""
    if dotted:
        module, _, attribute = dotted.rpartition(".")
        return f"{module}:{attribute}"
    base = settings.rpartition(".settings")[0] or settings.rpartition(".")[0]
    path = os.path.join(*base.split("."), name + ".py") if base else name + ".py"
    return f"{base}.{name}:application".lstrip(".") if os.path.exists(path) else ""


def place_of(error: BaseException) -> str:
    """Return the project's file and line that raised an error, as ``shop/settings.py:14``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.relpath(error.filename)}:{error.lineno}"
    here = os.getcwd() + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith(here)]
    return f"{os.path.relpath(mine[-1].filename)}:{mine[-1].lineno}" if mine else ""
