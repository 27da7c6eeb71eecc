"""Application servers: one module each, and the table of them."""

from __future__ import annotations

from typing import Dict, Optional

from .base import Server
from .gunicorn import GUNICORN

# The default is the first one that can run a project's application.
SERVERS: Dict[str, Server] = {server.name: server for server in (GUNICORN,)}


def server_in(command: str) -> Optional[Server]:
    """Return the application server that a Procfile's command runs, or None."""
    return next((server for server in SERVERS.values() if server.is_in(command)), None)
