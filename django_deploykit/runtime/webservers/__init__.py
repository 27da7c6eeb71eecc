"""The site's configuration file for a web server: a module per server, and a table (pure)."""

from __future__ import annotations

import re
from typing import Callable, Dict, List, Sequence

from ..base.errors import DeployKitError
from ..base.site import Site
from .base import Website
from .caddy import caddy
from .nginx import nginx

WEBSERVERS: Dict[str, Callable[[Website], List[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
}
_NAME = re.compile(r"(?:\*\.|\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")


def website_places(app: str) -> Dict[str, str]:
    """Return where the site's file for each web server belongs, as its first line says."""
    heads = {name: lines(Website(app, "", ("",)))[0] for name, lines in WEBSERVERS.items()}
    return {name: head.rpartition(": ")[2] for name, head in heads.items()}


def website(
    site: Site,
    server: str,
    static_url: str,
    static_root: str = "",
    names: Sequence[str] = (),
) -> str:
    """Return the site's configuration file for a server of :data:`WEBSERVERS`.

    With a ``static_root`` (relative to a release) the web server serves static files itself.
    ``names`` are the site's host names; names that are not valid are left out.
    """
    names = [name for name in names if _NAME.match(name)] or ["example.com"]
    direct = static_root if static_url.startswith("/") and len(static_url) > 1 else ""
    if direct and not re.match(r"[A-Za-z0-9/._-]+\Z", static_url + static_root):
        raise DeployKitError(f"the web server cannot serve static files below {static_url} itself")
    folder = f"{site.current}/{direct.strip('/')}" if direct else ""
    url = static_url if static_url.endswith("/") else static_url + "/"
    return "\n".join(WEBSERVERS[server](Website(site.app, site.listen, names, url, folder))) + "\n"
