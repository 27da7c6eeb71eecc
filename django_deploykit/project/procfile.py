"""The Procfile, which lists the processes that a project runs."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from django_deploykit.errors import Problems
from django_deploykit.runtime.base.names import PROCESS_NAME
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.servers import SERVERS

NO_ASGI_SERVER = "no locked server can serve ASGI, and the Procfile has no web line:"
ASGI_SERVER_HINT = (
    "Add gunicorn, uvicorn-worker and uvicorn[standard] to the project's requirements and lock "
    "again, or write the web line, such as web: gunicorn PROJECT.wsgi."
)
_LINE = re.compile(r"(?P<name>[^\s:]+)\s*:\s*(?P<command>\S.*)\Z")


def read_procfile(path: Path) -> tuple[Process, ...]:
    """Return the processes of a Procfile, none if there is no such file.

    Raise :class:`Problems` if it is not UTF-8 or has lines that are not valid.
    """
    if not path.is_file():
        return ()
    try:
        return parse_procfile(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"{path.name}:{line}: byte {error.object[error.start]:#04x} is not UTF-8"
        raise Problems("the Procfile has mistakes:", [problem], "Save it as UTF-8.") from None


def parse_procfile(text: str) -> tuple[Process, ...]:
    """Return the processes of a Procfile. Raise :class:`Problems` for lines that are not valid."""
    found: dict[str, Process] = {}
    problems = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None or not PROCESS_NAME.match(match["name"]):
            problems.append(f"Procfile:{number}: expected `name: command`, got {line!r}")
        elif match["name"] in found:
            problems.append(f"Procfile:{number}: {match['name']} is defined twice")
        else:
            found[match["name"]] = Process(match["name"], match["command"])
    if problems:
        raise Problems("the Procfile has mistakes:", problems)
    return tuple(found.values())


def default_web(wsgi: str, asgi: str, distributions: Collection[str]) -> Process | None:
    """Return the default ``web`` process, or None if no locked server can run the project.

    ``distributions`` are the names of the locked distributions.
    """
    for server in SERVERS.values():
        command = server.default_command(wsgi, asgi, distributions)
        if command:
            return Process("web", command)
    return None
