"""The site's configuration file for a web server: a module per server, and a table (pure)."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from ..base.errors import DeployKitError
from ..base.site import Site
from .apache import apache
from .base import FrontOptions, Website
from .caddy import caddy
from .nginx import nginx

WEBSERVERS: Dict[str, Callable[[Website], List[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "apache": apache,
}
_NAME = re.compile(r"(?:\*\.|\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+\Z")  # means the same to every web server
_LISTEN = re.compile(r"[A-Za-z0-9/._:\[\]-]+\Z")


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
    options: Optional[FrontOptions] = None,
) -> str:
    """Return the site's configuration file for a server of :data:`WEBSERVERS`.

    With a ``static_root`` (relative to a release) the web server serves static files itself.
    ``names`` are the site's host names; names that are not valid are left out.

    Raises :class:`DeployKitError` for a text that could mean something else in the file.
    """
    options = options or FrontOptions()
    names = [name for name in names if _NAME.match(name)] or ["example.com"]
    direct = static_root if static_url.startswith("/") and len(static_url) > 1 else ""
    if direct and not _PLAIN.match(static_url + static_root):
        raise DeployKitError(f"the web server cannot serve static files below {static_url} itself")
    for problem in _iter_problems(site, options):
        raise DeployKitError(problem)
    folder = f"{site.current}/{direct.strip('/')}" if direct else ""
    url = static_url if static_url.endswith("/") else static_url + "/"
    described = Website(site.app, site.listen, names, url, folder, options)
    return "\n".join(WEBSERVERS[server](described)) + "\n"


def _iter_problems(site: Site, options: FrontOptions) -> Iterator[str]:
    # The deploy user can change where the site listens, and root reads the file.
    if not _LISTEN.match(site.listen):
        yield f"site.json has no valid address: {site.listen!r}"
    paths = {
        "the certificate": options.certificate,
        "the key": options.key,
        "the folder of uploads": options.media_folder,
        "the URL of uploads": options.media_url,
    }
    for name, path in paths.items():
        if path and not (path.startswith("/") and _PLAIN.match(path)):
            yield (
                f"{name} must be a path from / on, with letters, digits and ._- only, not {path!r}"
            )
