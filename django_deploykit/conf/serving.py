"""How a project is served: by WSGI or ASGI, read from its files without importing them."""

from __future__ import annotations

import re
from pathlib import Path

_WEB = re.compile(r"^web\s*:(.*)$", re.MULTILINE)
_ASGI = re.compile(r"\b(asgi|uvicorn|daphne|hypercorn)\b|Uvicorn\w*Worker")


def is_asgi(project: Path) -> bool:
    """Whether the web process of the Procfile in the project's folder serves ASGI.

    ``project`` is the parent of the settings' folder; the Procfile may be above it. Without one,
    releases serve ASGI if there is an ``asgi.py`` and no ``wsgi.py``.
    """
    for folder in (project, *project.parents[:2]):
        try:
            text = (folder / "Procfile").read_text(encoding="utf-8", errors="replace")
        except OSError:
            if (folder / "manage.py").is_file():
                break
            continue
        line = _WEB.search(text)
        if line:
            return _ASGI.search(line[1]) is not None
        break
    return any(project.glob("*/asgi.py")) and not any(project.glob("*/wsgi.py"))
