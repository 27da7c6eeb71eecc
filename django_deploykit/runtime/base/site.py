"""A site: where one project lives on one host, and how its processes are kept."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from .errors import DeployKitError
from .files import read_regular
from .names import valid_app

SUPERVISORS = ("plain", "systemd")
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Site:
    """One project on one host, as ``<root>/site.json`` says.

    ``listen`` is ``/run/shop/web.sock`` or ``127.0.0.1:8000``; ``health`` a path; ``host`` the Host
    header for probes (empty: the first usable of ALLOWED_HOSTS); ``boot`` and ``drain`` are seconds
    that a process may take to come up and to finish its requests.
    """

    app: str
    root: Path
    etc: Path
    data: Path
    supervisor: str = "systemd"
    listen: str = ""
    health: str = "/"
    host: str = ""
    keep: int = 5
    boot: float = 60.0
    drain: float = 30.0
    roles: Tuple[str, ...] = ()  # names of processes that run here; empty: all but "release"
    proxied: bool = True  # probes say X-Forwarded-Proto: https

    @property
    def releases(self) -> Path:
        """The folder of releases."""
        return self.root / "releases"

    @property
    def store(self) -> Path:
        """The folder of extracted layers, by digest."""
        return self.root / "store"

    @property
    def current(self) -> Path:
        """The link to the live release."""
        return self.root / "current"

    @property
    def journal(self) -> Path:
        """What happened here, a JSON object a line."""
        return self.root / "journal.jsonl"

    @property
    def ini(self) -> Path:
        """The configuration that operations own."""
        return self.etc / f"{self.app}.ini"

    def dumps(self) -> str:
        """Return the JSON of ``site.json``."""
        data = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
        }
        return json.dumps(data, indent=2, sort_keys=True) + "\n"


def _wrong_type(data: Dict[str, Any]) -> str:
    """Return which value is not of its kind, or ""; the file belongs to the deploy user."""
    kinds: Dict[str, Any] = {
        **dict.fromkeys(("listen", "health", "host"), str),
        **dict.fromkeys(("boot", "drain"), (int, float)),
        "keep": int,
        "proxied": bool,
        "roles": list,
    }
    for key, kind in kinds.items():
        if key in data and not isinstance(data[key], kind):
            return f"{key} has a value that it cannot have"
    if not all(isinstance(role, str) for role in data.get("roles", ())):
        return "roles must be names"
    return ""


def load_site(root: Path) -> Site:
    """Read ``<root>/site.json``; raises :class:`DeployKitError` where there is none or it is damaged."""
    path = root / "site.json"
    try:
        data = json.loads(read_regular(path, _LONGEST))
    except FileNotFoundError:
        raise DeployKitError(
            f"{path} is missing: this host is not set up for the project",
            "Run `manage.py release ENVIRONMENT --setup` once, or `sudo ./BUNDLE deploykit setup` here;"
            " for the environment local, `manage.py release` does.",
        ) from None
    except (ValueError, RecursionError) as error:
        raise DeployKitError(f"{path} is damaged: {error}", "Run --setup again.") from None
    problem = "" if isinstance(data, dict) else "it holds no JSON object"
    if not problem:
        known = {f.name for f in fields(Site)}
        kept = {key: value for key, value in data.items() if key in known}
        if not valid_app(str(kept.get("app"))) or kept.get("supervisor") not in SUPERVISORS:
            problem = "app or supervisor is not valid"
        elif not all(isinstance(kept.get(key), str) for key in ("root", "etc", "data")):
            problem = "root, etc and data must be paths"
        else:
            problem = _wrong_type(kept)
    if problem:
        raise DeployKitError(f"{path} is damaged: {problem}", "Run --setup again.")
    for key in ("root", "etc", "data"):
        kept[key] = Path(kept[key])
    kept["roles"] = tuple(kept.get("roles", ()))
    return Site(**kept)


def live_release(site: Site) -> Optional[str]:
    """Return the release that ``current`` points at, or None."""
    try:
        return os.path.basename(os.readlink(site.current))
    except OSError:
        return None


def checked_path(site: Site, release: str) -> Path:
    """Return where the check of a release leaves what later steps need."""
    return site.root / "checked" / f"{release}.json"
