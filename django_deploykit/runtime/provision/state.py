"""Reads a host's state as root, before setup changes it: accounts, folders, files, units."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence, Tuple

from ..base.accounts import user_name
from ..base.configuration import is_unwritten
from ..base.errors import DeployKitError
from ..base.files import read_regular
from ..supervisors.apparmor import profile_path
from ..supervisors.systemd_units import FOLDER, read_units
from .ownership import has_files_of_root, links_are_protected
from .plan import Account, Folder, SetupRequest, State, folders, root_files

UnitQuery = Callable[[str, str, Sequence[str]], FrozenSet[str]]

# Where packages and the running system keep units; units in FOLDER take precedence.
_SYSTEM_UNITS = ("/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")


def units_in_state(verb: str, state: str, names: Sequence[str]) -> FrozenSet[str]:
    """Return the units for which ``systemctl VERB`` (is-active, is-enabled) prints this state."""
    done = subprocess.run(
        ["systemctl", verb, *names], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    lines = dict(enumerate(done.stdout.split("\n")))  # one for each unit, in order
    return frozenset(name for number, name in enumerate(names) if lines.get(number) == state)


def look(request: SetupRequest, units: UnitQuery = units_in_state) -> State:
    """Return the current state of everything that setup changes."""
    site, app = request.site, request.site.app
    own = str(site.root / "site.json")
    files: Dict[str, Optional[str]] = {path: _text(Path(path)) for path in root_files(request)}
    files.update({str(FOLDER / name): text for name, text in read_units(app).items()})
    files[own] = _text(Path(own))
    files.setdefault(str(profile_path(app)), _text(profile_path(app)))
    names = (f"{app}.socket", f"{app}.service")
    accounts = _accounts((request.user, app))
    return State(
        accounts=accounts,
        folders=_folders(list(folders(request))),
        files=files,
        present=_present(request),
        live=os.path.lexists(site.current),
        running=units("is-active", "active", names),
        enabled=units("is-enabled", "enabled", names),
        keys=_keys(accounts.get(request.user)),
        strays=has_files_of_root(site.root, links_are_protected()),
        unsafe=_unsafe((*site.root.parents, site.etc, site.etc / "conf.d", *_above(request))),
        taken=_taken(request),
    )


def _present(request: SetupRequest) -> FrozenSet[str]:
    """Return the configuration if it is there, and has options unless the sample has none."""
    ini = request.site.ini
    there = os.path.lexists(ini) and not (request.sample and is_unwritten(ini))
    return frozenset([str(ini)] if there else [])


def _accounts(names: Sequence[str]) -> Dict[str, Account]:
    found = {}
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        found[name] = Account(name, entry.pw_uid, entry.pw_dir)
    return found


def _folders(paths: Sequence[str]) -> Dict[str, Folder]:
    found = {}
    for path in paths:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        found[path] = Folder(user_name(status.st_uid), stat.S_IMODE(status.st_mode))
    return found


def _text(path: Path, top: Optional[Path] = None) -> Optional[str]:
    """Return a file's text: None if missing, an empty string if it is not a regular text file."""
    try:
        return read_regular(path, 1 << 20, top=top)
    except FileNotFoundError:
        return None
    except DeployKitError:
        return ""


def _keys(account: Optional[Account]) -> FrozenSet[str]:
    if account is None:
        return frozenset()
    home = Path(account.home)
    text = _text(home / ".ssh" / "authorized_keys", home) or ""
    return frozenset(line.strip() for line in text.splitlines())


def _above(request: SetupRequest) -> List[Path]:
    """Return the folders of the files that root trusts, and all their parents."""
    files = [Path(path) for path in root_files(request)]
    return [folder for path in (*files, request.site.etc) for folder in path.parents]


def _unsafe(folders: Sequence[Path]) -> Tuple[str, ...]:
    """Return the folders in which users other than root could replace something."""
    found: List[str] = []
    for folder in dict.fromkeys(folders):
        try:
            status = folder.lstat()
        except FileNotFoundError:
            continue
        if (
            status.st_uid != 0
            or status.st_mode & 0o002
            or not stat.S_ISDIR(status.st_mode)
            or (status.st_mode & 0o020 and _has_members(status.st_gid))
        ):
            found.append(str(folder))
    return tuple(found)


def _has_members(gid: int) -> bool:
    """Whether a group has members besides root; older Debians give /usr/local to an empty one."""
    try:
        members = set(grp.getgrgid(gid).gr_mem)
    except KeyError:
        members = set()
    members |= {entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == gid}
    return bool(members - {"root"})


def _taken(request: SetupRequest) -> Tuple[str, ...]:
    """Return the system's units that one of ours would override."""
    names = [Path(path).name for path in root_files(request) if path.startswith(str(FOLDER))]
    paths = [Path(folder, name) for folder in _SYSTEM_UNITS for name in names]
    return tuple(str(path) for path in paths if os.path.lexists(path))
