"""Application servers: one module each, and the table of them."""

from __future__ import annotations

from typing import Dict, Mapping, Optional

from .base import Server
from .daphne import DAPHNE
from .gunicorn import GUNICORN
from .hypercorn import HYPERCORN
from .uvicorn import UVICORN
from .uwsgi import UWSGI

# The default is the first one that can run a project's application.
SERVERS: Dict[str, Server] = {
    server.name: server for server in (GUNICORN, UVICORN, HYPERCORN, DAPHNE, UWSGI)
}
# Programs that cannot take a listening socket, with what they can listen on.
UNSUITABLE: Dict[str, str] = {
    "granian": "listens only on addresses of its own",
    "waitress-serve": "listens only on addresses of its own",
    "mod_wsgi-express": "starts an Apache of its own",
}


def server_in(command: str) -> Optional[Server]:
    """Return the application server that a Procfile's command runs, or None."""
    return next((server for server in SERVERS.values() if server.is_in(command)), None)


def server_options(versions: Mapping[str, str]) -> Dict[str, str]:
    """Return what to put before the values of variables, for the servers in a bundle.

    ``versions`` has the versions of its distributions by name.
    """
    found: Dict[str, str] = {}
    for server in SERVERS.values():
        if server.name in versions:
            found.update(server.options(versions[server.name]))
    return found
