"""The settings modules that the project's files name for serving the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.subject import Subject
from django_deploykit.conf.settings_module import application_files, named_settings

_APPLICATION = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*[._]?[wa]sgi)(?=[:\s]|$)")


@dataclass(frozen=True)
class NamedSettings:
    """A settings module that a file names for the site, and where."""

    module: str
    path: str
    line: int


def iter_named_settings(subject: Subject) -> Iterator[NamedSettings]:
    """Yield the settings modules that deploykit.ini, wsgi.py and asgi.py name for the site."""
    chosen = subject.project.ini.sections.get("project", {}).get("settings")
    if chosen and chosen.value:
        yield NamedSettings(chosen.value, "deploykit.ini", chosen.line)
    for path in _entry_files(subject):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            module = named_settings(line)
            if module and not (chosen and "setdefault" in line):
                yield NamedSettings(module, str(path.relative_to(subject.root)), number)


def _entry_files(subject: Subject) -> list[Path]:
    """Return the files of the WSGI and ASGI applications, except those in other packages."""
    applications = [settings.WSGI_APPLICATION, getattr(settings, "ASGI_APPLICATION", None)]
    modules = [str(dotted).rpartition(".")[0] for dotted in applications if dotted]
    modules += _APPLICATION.findall(subject.command("web"))
    found = [subject.root.joinpath(*one.split(".")).with_suffix(".py") for one in modules]
    found = [path for path in found if path.is_file()]
    folders = {path.parent for path in found}
    found += [
        one for one in application_files(subject.root) if one.parent in folders or not folders
    ]
    return list(dict.fromkeys(found))
