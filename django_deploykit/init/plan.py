"""What ``init`` will do to a project, decided before anything is written (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django_deploykit.init import class_settings
from django_deploykit.init.chain import Chain, Files, read_chain
from django_deploykit.init.dependencies import Locking
from django_deploykit.init.files import (
    DEV_INI,
    deploykit_ini,
    dev_ini,
    gitignore,
    health_page,
    manage_py,
    production_module,
)
from django_deploykit.init.settings import Change, Note, changes, facts_of
from django_deploykit.runtime.base.option_names import prefix


@dataclass(frozen=True)
class Known:
    """What is known of a project and this machine.

    ``settings`` is the module of production as it is found now, ``used`` the one that manage.py
    uses, and ``configuration`` the class of production, for django-configurations. ``named``:
    whether the project's name follows from its files. ``locking`` is how it is locked. ``servers``
    are the paths of wsgi.py and asgi.py. ``ignored``: whether git ignores a path. ``virtualenv`` is
    a folder of the project that git does not ignore.
    """

    name: str
    named: bool
    settings: str
    used: str
    locking: Locking
    servers: tuple[str, ...]
    ignored: Callable[[str], bool]
    new_key: Callable[[], str]
    configuration: str = ""
    virtualenv: str = ""


@dataclass(frozen=True)
class Plan:
    """New texts of files by path, how to lock, and notes about what stays as it is.

    ``before`` has the present texts. A file that it lacks is new.
    """

    files: dict[str, str]
    before: dict[str, str]
    locking: Locking
    notes: tuple[str, ...] = ()
    settings: str = ""
    development: str = ""  # the variable that names dev.ini, if development needs it

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.files and not self.locking.arguments


def make_plan(known: Known, files: Files) -> Plan:
    """Return the plan for a project.

    Raise :class:`SyntaxError` if a settings module is not Python, and :class:`LookupError` if the
    settings module is not found.
    """
    module = production_module(known.settings, files)
    chain, used = read_chain(module, files), read_chain(known.used, files)
    if chain is None:
        raise LookupError(module)
    results = changes(facts_of(chain, known.name))
    if class_settings.has_classes(chain):
        results = [*class_settings.notes(chain, known.name, known.configuration)]
    found = [one for one in results if isinstance(one, Change)]
    notes = [one.text for one in results if isinstance(one, Note)]
    texts = {**_edited(chain, found), **_servers(known, files, module)}
    if text := files("manage.py"):
        texts["manage.py"] = manage_py(text)
    texts.update(_new_files(known, files, chain, module, found, used, notes))
    locking = known.locking
    texts.update(locking.files)
    notes += [locking.advice] if locking.advice else []
    before = {path: old for path in texts if (old := files(path)) is not None}
    changed = {path: new for path, new in texts.items() if before.get(path) != new}
    variable = f"{prefix(known.name)}CONFIG" if DEV_INI in changed else ""
    return Plan(changed, before, locking, tuple(notes), module, variable)


def _edited(chain: Chain, found: Iterable[Change]) -> dict[str, str]:
    edits: dict[str, list[Change]] = {}
    for change in found:
        edits.setdefault(change.path, []).append(change)
    return {
        path: chain.source_of(path).edited(change.edit for change in row).text
        for path, row in edits.items()
    }


def _servers(known: Known, files: Files, module: str) -> dict[str, str]:
    """Let wsgi.py and asgi.py use the production settings too."""
    found = {}
    for path in known.servers if module != known.settings else ():
        text = files(path) or ""
        for quote in "\"'":
            text = text.replace(f"{quote}{known.settings}{quote}", f"{quote}{module}{quote}")
        found[path] = text
    return found


def _new_files(
    known: Known,
    files: Files,
    chain: Chain,
    module: str,
    found: list[Change],
    used: Chain | None,
    notes: list[str],
) -> dict[str, str]:
    texts = {}
    if files("deploykit.ini") is None:
        health = health_page(chain, files)
        if health is None:
            notes.append(
                "no page at / was found: name one that answers, as health = /up in deploykit.ini"
            )
        settings = "" if module == known.settings or known.servers else module
        name = "" if known.named else known.name
        texts["deploykit.ini"] = deploykit_ini(name, settings, health or "")
    elif module != known.settings and not known.servers:
        notes.append(f"deploykit.ini: add settings = {module} below [project]")
    wanted = [f"/{known.virtualenv}/"] if known.virtualenv else []
    if _development_reads(found, used) and files(DEV_INI) is None:
        mail = any(".email(" in change.edit.text for change in found)
        texts[DEV_INI] = dev_ini(known.new_key(), mail=mail)
        wanted.append(f"/{DEV_INI}")
    if any("STATIC_ROOT" in change.edit.text for change in found):
        wanted.append("/staticfiles/")
    wanted += [f"/{name}" for change in found if (name := _sqlite(change.edit.text))]
    missing = tuple(path for path in wanted if not known.ignored(path))
    if missing:
        texts[".gitignore"] = gitignore(files(".gitignore"), missing)
    return texts


def _development_reads(found: Iterable[Change], used: Chain | None) -> bool:
    """Whether the settings of development read their key from the configuration now."""
    paths = {source.path for source in used.sources} if used is not None else set()
    return any(
        change.path in paths and '.secret("SECRET_KEY")' in change.edit.text for change in found
    )


def _sqlite(code: str) -> str:
    """Return the file's name in the code of a SQLite database, or an empty string."""
    return code.partition(".data / '")[2].partition("'")[0] if "sqlite:///" in code else ""
