"""How a project is served: by WSGI or ASGI, read from its files without importing them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

_WEB = re.compile(r"^web\s*:(.*)$", re.MULTILINE)
_ASGI = re.compile(r"\b(asgi|uvicorn|daphne|hypercorn)\b|Uvicorn\w*Worker")
_WEBSOCKETS = re.compile(r"\bProtocolTypeRouter\b|['\"]websocket['\"]")
_NAMED = re.compile(r"^\s*ASGI_APPLICATION\s*[:=]", re.MULTILINE)
# Apps of Channels. With the first one, runserver serves ASGI, too.
ASGI_APPS = ("daphne", "channels")


def is_asgi_command(command: str) -> bool:
    """Whether a command of a Procfile serves ASGI.

    >>> is_asgi_command("gunicorn shop.wsgi"), is_asgi_command("daphne shop.asgi:application")
    (False, True)
    """
    return _ASGI.search(command) is not None


def routes_websockets(asgi: str) -> bool:
    """Whether the text of an ASGI application's module has other protocols than HTTP."""
    return _WEBSOCKETS.search(asgi) is not None


def why_asgi(asgi: str | None, wsgi: bool, named: bool, apps: Collection[str]) -> str:
    """Return why a site without a web line in its Procfile is served by ASGI, or "" for WSGI.

    ``asgi`` is the text of the ASGI application's module, None if there is none. ``wsgi`` says
    whether there is a WSGI application, ``named`` whether the settings have ASGI_APPLICATION,
    which Django itself neither writes nor reads.
    """
    if asgi is None:
        return ""
    if not wsgi:
        return "there is no wsgi.py"
    if named:
        return "the settings have ASGI_APPLICATION"
    for app in ASGI_APPS:
        if app in apps:
            return f"{app} is in INSTALLED_APPS"
    return "asgi.py routes WebSockets" if routes_websockets(asgi) else ""


def project_of(folder: Path) -> Path:
    """Return the project's folder for that of its settings: its parent, unless it has manage.py."""
    return folder if (folder / "manage.py").is_file() else folder.parent


def is_asgi(project: Path) -> bool:
    """Whether releases serve a project by ASGI: its Procfile decides, else :func:`why_asgi`.

    ``project`` is what :func:`project_of` returns; the Procfile may be above it.
    """
    web = _web_command(project)
    if web:
        return is_asgi_command(web)
    asgi = [
        path.read_text(encoding="utf-8", errors="replace")
        for pattern in ("asgi.py", "*/asgi.py")
        for path in project.glob(pattern)
    ]
    if not asgi:
        return False
    text = "\n".join(_settings_texts(project))
    apps = {app for app in ASGI_APPS if re.search(rf"^\s*['\"]{app}['\"],", text, re.MULTILINE)}
    wsgi = any(any(project.glob(pattern)) for pattern in ("wsgi.py", "*/wsgi.py"))
    return bool(why_asgi("\n".join(asgi), wsgi, _NAMED.search(text) is not None, apps))


def _web_command(project: Path) -> str:
    """Return the web line of the Procfile in a folder or above, or an empty string."""
    for folder in (project, *project.parents[:2]):
        try:
            text = (folder / "Procfile").read_text(encoding="utf-8", errors="replace")
        except OSError:
            if (folder / "manage.py").is_file():
                return ""
            continue
        line = _WEB.search(text)
        return line[1] if line else ""
    return ""


def _settings_texts(project: Path) -> Iterator[str]:
    for pattern in ("settings.py", "*/settings.py", "*/settings/*.py"):
        for path in project.glob(pattern):
            yield path.read_text(encoding="utf-8", errors="replace")
