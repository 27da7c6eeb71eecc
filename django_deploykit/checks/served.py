"""How releases serve the checked project: by WSGI or ASGI, and why."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from django_deploykit.checks.subject import Subject
from django_deploykit.conf.serving import is_asgi_command, routes_websockets, why_asgi
from django_deploykit.project.procfile import default_web


@dataclass(frozen=True)
class Applications:
    """The ASGI application's module and text, None if there is none, and whether WSGI is possible."""

    module: str
    text: str | None
    wsgi: bool

    @property
    def websockets(self) -> bool:
        """Whether the ASGI application answers WebSockets."""
        return routes_websockets(self.text or "")


def find_applications(subject: Subject) -> Applications:
    """Return the project's applications: named by the settings, or next to them."""
    asgi = _module("ASGI_APPLICATION", "asgi")
    wsgi = _module("WSGI_APPLICATION", "wsgi")
    named = bool(getattr(settings, "WSGI_APPLICATION", None))
    return Applications(asgi, _text(subject, asgi), named or _text(subject, wsgi) is not None)


def why_served_by_asgi(subject: Subject) -> str:
    """Return why releases serve the site by ASGI, or an empty string."""
    if subject.topology.server == "asgi":
        return "[check] of deploykit.ini has server = asgi"
    web = subject.command("web")
    if web:
        return "the web line of the Procfile runs it" if is_asgi_command(web) else ""
    found = find_applications(subject)
    named = bool(getattr(settings, "ASGI_APPLICATION", None))
    return why_asgi(found.text, found.wsgi, named, settings.INSTALLED_APPS)


def why_no_asgi_server(subject: Subject) -> str:
    """Return why a bundle would serve the site by ASGI, if no locked server can, or ""."""
    if subject.command("web") or subject.released:
        return ""
    why = why_served_by_asgi(subject)
    if not why:
        return ""
    names = ("gunicorn", "uvicorn", "uvicorn-worker")
    servers = [name for name in names if subject.has_distribution(name)]
    return "" if default_web("", "asgi", servers) else why


def _module(setting: str, name: str) -> str:
    """Return the module that a setting names, or else the one with this name next to the settings."""
    dotted = str(getattr(settings, setting, None) or "")
    if dotted:
        return dotted.rpartition(".")[0]
    module = str(getattr(settings, "SETTINGS_MODULE", "") or "")
    package = module.rpartition(".settings")[0] or module.rpartition(".")[0]
    return f"{package}.{name}".lstrip(".")


def _text(subject: Subject, module: str) -> str | None:
    path = subject.root.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file.read_text(encoding="utf-8", errors="replace")
    return None
