"""A site: one project on one host, and the options of its processes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from .errors import DeployKitError
from .files import read_regular
from .hints import is_by_hand, setup_command
from .names import valid_app
from .site_options import SiteOptions, values_of

SUPERVISORS = ("plain", "systemd")
_LONGEST = 1 << 20


@dataclass(frozen=True)
class _Location:
    app: str
    root: Path
    etc: Path
    data: Path
    supervisor: str = "systemd"


@dataclass(frozen=True)
class Site(SiteOptions, _Location):
    """One project on one host, as ``<root>/site.json`` describes it."""

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
        """The symlink to the live release."""
        return self.root / "current"

    @property
    def journal(self) -> Path:
        """The history of this site, one JSON object per line."""
        return self.root / "journal.jsonl"

    @property
    def ini(self) -> Path:
        """The configuration file, which the administrator owns."""
        return self.etc / f"{self.app}.ini"

    def dumps(self) -> str:
        """Return the JSON of ``site.json``."""
        data = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
        }
        return json.dumps(data, indent=2, sort_keys=True) + "\n"


def site_from_json(text: str) -> Site:
    """Return the site that ``dumps`` wrote; keys of later versions are left out.

    Raises :class:`ValueError` if the text is not valid.
    """
    data = json.loads(text)
    problem = _location_problem(data)
    if problem:
        raise ValueError(problem)
    root, etc, folder = (Path(data[key]) for key in ("root", "etc", "data"))
    return Site(data["app"], root, etc, folder, data["supervisor"]).with_options(values_of(data))


def _location_problem(data: object) -> str:
    if not isinstance(data, dict):
        return "it is not a JSON object"
    if not valid_app(str(data.get("app"))) or data.get("supervisor") not in SUPERVISORS:
        return "app or supervisor is not valid"
    if not all(isinstance(data.get(key), str) for key in ("root", "etc", "data")):
        return "root, etc and data must be paths"
    return ""


def default_root(app: str) -> Path:
    """Return the folder of a site unless its setup names another."""
    return Path("/srv", app)


def default_listen(app: str) -> str:
    """Return where a site listens unless its setup says otherwise."""
    return f"/run/{app}/web.sock"


def default_site(app: str, root: Path) -> Site:
    """Return the site that setup makes at ``root`` if nothing is chosen, without an address."""
    return Site(app, root, Path("/etc", app), Path("/var/lib", app))


def load_site(root: Path) -> Site:
    """Read ``<root>/site.json``; raises :class:`DeployKitError` if it is missing or damaged.

    Do not trust it: the deploy user can write to it.
    """
    path = root / "site.json"
    try:
        return site_from_json(read_regular(path, _LONGEST))
    except FileNotFoundError:
        raise DeployKitError(
            f"{path} is missing: this host is not set up for the project",
            f"Run `{setup_command()}` once."
            + ("" if is_by_hand() else " For the environment local, `manage.py release` does it."),
        ) from None
    except (ValueError, RecursionError) as error:
        raise DeployKitError(f"{path} is damaged: {error}", f"Run `{setup_command()}`.") from None


def live_release(site: Site) -> Optional[str]:
    """Return the id of the release that ``current`` points to, or None."""
    try:
        return os.path.basename(os.readlink(site.current))
    except OSError:
        return None


def checked_path(site: Site, release: str) -> Path:
    """Return the path of a release's check results, which later steps read."""
    return site.root / "checked" / f"{release}.json"
