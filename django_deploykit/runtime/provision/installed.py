"""Finds what setup and releases left on this host, as root. Links are never followed."""

from __future__ import annotations

import os
import pwd
import re
import stat
from pathlib import Path
from typing import Iterator, List, Mapping, Optional, Tuple

from ..base.accounts import user_name
from ..base.errors import DeployKitError
from ..base.files import read_regular
from ..base.site import default_root
from ..bundle.head import SHARED_CACHE
from ..supervisors.apparmor import profile_path
from ..supervisors.root_python import python_folder
from ..supervisors.systemd_units import FOLDER, read_units
from .plan import SUDOERS, deploy_comment
from .removal import MADE, Installed, Website, folder_of, root_paths
from .site_problems import folder_problem

_LONGEST = 1 << 20


def look_for(app: str, root: Path, websites: Mapping[str, str]) -> Installed:
    """Return what is left of a site; ``root`` is its folder if no unit says where that is.

    Raises :class:`DeployKitError` if the folder cannot be a site's.
    """
    units = read_units(app)
    folder = _site_folder(app, root, folder_of(units))
    data, etc = Path("/var/lib", app), Path("/etc", app)
    account, deploy = _site_account(app, data), _deploy_account(app)
    data_owner = owner_name(data)
    dropins = (Path(FOLDER, f"{name}.d") for name in units)
    return Installed(
        app=app,
        units=units,
        folder=folder,
        files=tuple(path for path in root_paths(app) if os.path.lexists(path)),
        trees=tuple(str(path) for path in _own_trees(app) if path.is_dir()),
        caches=tuple(_caches(app, folder, deploy)),
        websites=tuple(_websites(app, websites)),
        site_account=account,
        deploy_account=deploy,
        deploy_uid=pwd.getpwnam(deploy).pw_uid if deploy else -1,
        data=str(data) if data_owner else "",
        data_owner=data_owner,
        configuration=tuple(str(path) for path in (etc, *dropins) if os.path.lexists(path)),
        pythons=tuple(str(path) for path in _pythons(app) if path.is_dir()),
        profile=_profile(app),
        empty=tuple(path for path in MADE if _will_be_empty(path, app)),
    )


def _pythons(app: str) -> Tuple[Path, ...]:
    return python_folder(app), Path(SHARED_CACHE, app)


def mount_points(table: Path = Path("/proc/self/mountinfo")) -> List[str]:
    """Return the folders on which something is mounted."""
    places = (line.split()[4] for line in table.read_text(errors="replace").splitlines())
    return [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), one) for one in places]


def owner_name(path: Path) -> str:
    """Return the name of a path's owner, or an empty string if the path is missing."""
    try:
        return user_name(os.lstat(path).st_uid)
    except FileNotFoundError:
        return ""


def _site_folder(app: str, root: Path, in_units: Optional[str]) -> str:
    """Return the site's folder if there is one.

    Only root writes the units, so the folder that they name counts. Without units, it must look
    like a site's: nothing else of the host may be removed by mistake.
    """
    if in_units is not None and in_units != str(root) and root != default_root(app):
        raise DeployKitError(f"{root} is not the folder of {app}: its units name {in_units}")
    folder = Path(in_units or root)
    problem = folder_problem(str(folder))
    if problem:
        raise DeployKitError(f"{folder} {problem}")
    if not os.path.lexists(folder):
        return ""
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise DeployKitError(f"{folder} is not a folder", "Look at it, and remove it by hand.")
    if in_units is None and not _looks_like_a_site(folder):
        raise DeployKitError(
            f"{folder} does not look like the folder of a site", "Remove it by hand."
        )
    return str(folder)


def _looks_like_a_site(folder: Path) -> bool:
    there = set(os.listdir(folder))
    return not there or bool(there & {"site.json", "releases", "store", "journal.jsonl"})


def _own_trees(app: str) -> List[Path]:
    """Return the folders in places that only root and the system write to."""
    home = Path(pwd.getpwuid(0).pw_dir)
    trees = [Path("/run", app), home / ".cache/django-deploykit/run" / app]
    shared = Path("/tmp/django-deploykit-0")
    return [*trees, shared / app] if owner_name(shared) == "root" else trees


def _caches(app: str, folder: str, deploy: str) -> Iterator[Tuple[str, str]]:
    """Yield the caches in other users' folders. These users remove them, because of links."""
    users = dict.fromkeys(
        (owner_name(Path(folder)) if folder else "", os.environ.get("SUDO_USER", ""))
    )
    for user in users:
        try:
            entry = pwd.getpwnam(user) if user not in ("", "root") else None
        except KeyError:
            continue
        if entry is None:
            continue
        cache = Path(entry.pw_dir, ".cache/django-deploykit")
        paths = [Path(f"/tmp/django-deploykit-{entry.pw_uid}", app)]
        if user != deploy:  # its home folder is removed as a whole
            paths.append(cache / "run" / app)
            if not _deploys_others(user, app):
                paths += [cache / "runtime", cache / "python"]
        yield from ((user, str(path)) for path in paths if os.path.lexists(path))


def _profile(app: str) -> str:
    """Return the path of the AppArmor profile that setup wrote, or an empty string."""
    path = profile_path(app)
    try:
        text = read_regular(path, _LONGEST)
    except (OSError, DeployKitError):
        return ""
    return str(path) if text.startswith(f"# Written by django-deploykit for {app} (") else ""


def _websites(app: str, places: Mapping[str, str]) -> Iterator[Website]:
    for server, place in places.items():
        path = Path(place)
        try:
            text = read_regular(path, _LONGEST)
        except (OSError, DeployKitError):
            continue
        if f"# {app}, written by `deploykit webserver " not in text.partition("\n")[0]:
            continue
        link = path.parent.parent / "sites-enabled" / path.name
        main = path.parent / f"{server.capitalize()}file"
        yield Website(
            _service(path),
            place,
            (str(link),) if link.is_symlink() else (),
            str(main) if main.is_file() and _imports(main, path.name) else "",
        )


def _service(file: Path) -> str:
    """Return the service of the web server that reads a file below /etc/SERVICE."""
    parts = file.parts
    return parts[parts.index("etc") + 1]


def _imports(main: Path, name: str) -> bool:
    lines = main.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip() == f"import {name}" for line in lines)


def _site_account(app: str, data: Path) -> str:
    """Return the account of the site's processes if setup made it, or an empty string."""
    try:
        entry = pwd.getpwnam(app)
    except KeyError:
        return ""
    return app if entry.pw_dir == str(data) and 0 < entry.pw_uid < 1000 else ""


def _deploy_account(app: str) -> str:
    """Return the deploy user if setup made the account and nothing else uses it."""
    for entry in pwd.getpwall():
        name = entry.pw_name
        if entry.pw_gecos.split(",")[0] != deploy_comment(app) or entry.pw_uid == 0:
            continue
        if name != os.environ.get("SUDO_USER") and not _deploys_others(name, app):
            return name
    return ""


def _deploys_others(user: str, app: str) -> bool:
    """Whether a user deploys other sites on this host too."""
    for path in SUDOERS.glob("deploykit-*"):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.name != f"deploykit-{app}" and re.search(rf"(?m)^{re.escape(user)} ALL=", text):
            return True
    return False


def _will_be_empty(folder: str, app: str) -> bool:
    try:
        return set(os.listdir(folder)) <= {Path(path).name for path in root_paths(app)}
    except (FileNotFoundError, NotADirectoryError):
        return False
