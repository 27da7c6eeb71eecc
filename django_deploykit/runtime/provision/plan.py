"""The target state of a host after setup, and the actions that lead to it (pure)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..base.limits import limited_processes
from ..base.names import PROCESS_NAME
from ..base.site import Site
from ..supervisors.apparmor import profile, profile_path
from ..supervisors.root_helper import helper
from ..supervisors.root_python import (
    SYSTEM,
    StoredPython,
    python_folder,
    record_path,
    record_text,
)
from ..supervisors.sudoers import sudoers
from ..supervisors.systemd_units import FOLDER, Kind, helper_path, units
from .site_problems import iter_site_problems

SUDOERS = Path("/etc/sudoers.d")
NOLOGIN = "/usr/sbin/nologin"
# In sudoers a word in capitals is an alias: ALL would mean every user.
_USER = re.compile(r"(?=.*[a-z])[A-Za-z_][A-Za-z0-9._-]{0,31}\Z")
_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com"
    r"|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}(?: [^\x00-\x1f\x7f]*)?\Z"
)
MOST_KINDS = 100  # each process gets a unit of root's


@dataclass(frozen=True)
class SetupRequest:
    """A request for setup.

    ``sample`` is the commented INI. ``keys`` are public keys for logging in as the deploy user
    ``user``, copied from the accounts ``keys_of``. ``required`` are options without a default.
    ``login`` is whether anybody may log in as a deploy user that setup creates. ``python`` runs
    root's helper; it is a copy of ``copied`` if that is not None. ``apparmor`` is whether the host
    can load AppArmor profiles.
    """

    site: Site
    kinds: Tuple[Kind, ...]
    user: str
    sample: str = ""
    required: Tuple[str, ...] = ()
    keys: Tuple[str, ...] = ()
    keys_of: Tuple[str, ...] = ()
    login: bool = True
    python: str = SYSTEM
    copied: Optional[StoredPython] = None
    apparmor: bool = False


@dataclass(frozen=True)
class Account:
    """An entry of the password database."""

    name: str
    uid: int
    home: str


@dataclass(frozen=True)
class Folder:
    """A folder's owner by name, and its mode."""

    owner: str
    mode: int


@dataclass(frozen=True)
class State:
    """The current state of a host.

    ``files`` are the texts of the files that setup writes, or None for missing files. ``present``
    are existing files that setup only creates once.
    """

    accounts: Mapping[str, Account] = field(default_factory=dict)
    folders: Mapping[str, Folder] = field(default_factory=dict)
    files: Mapping[str, Optional[str]] = field(default_factory=dict)
    present: FrozenSet[str] = frozenset()
    live: bool = False  # some release is live
    running: FrozenSet[str] = frozenset()  # active units
    enabled: FrozenSet[str] = frozenset()  # units that start at boot
    keys: FrozenSet[str] = frozenset()  # lines of the deploy user's authorized_keys
    strays: bool = False  # the site's folder contains files of root
    unsafe: Tuple[str, ...] = ()  # folders with root's files that other users can change
    taken: Tuple[str, ...] = ()  # the system's units with the name of one of ours


@dataclass(frozen=True)
class Action:
    """A change to make.

    ``kind`` is a key in ``apply.py``, ``target`` what changes, ``text`` its new content. ``note``
    says more about it to people.
    """

    kind: str
    target: str
    text: str = ""
    mode: int = 0o644
    owner: str = "root"
    note: str = ""

    def __str__(self) -> str:
        verb = {
            "account": "create the account",
            "login": "create the account",
            "nologin": "create the account, in which nobody can log in:",
            "folder": "create",
            "file": "write",
            "python": "copy the bundle's Python for root to",
            "secret": "create once, readable only by root:",
            "own": "write",
            "give": f"give {self.owner} the files of root in",
            "keys": "add SSH keys for logging in as",
            "remove": "remove",
            "reload": "reload the units of systemd",
            "profile": "load the AppArmor profile",
            "unprofile": "unload and remove the AppArmor profile",
            "rebind": "restart the site, which listens on a new address:",
            "enable": "start at boot",
            "up": "start",
            "halt": "stop the processes and sockets of",
            "disable": "no longer start at boot",
            "tree": "remove with everything in it",
            "cache": f"remove, as {self.owner},",
            "line": f"remove the line `{self.text}` from",
            "refresh": "reload the web server",
            "keep": "keep, readable only by root:",
            "unuser": "remove the account",
            "unlogin": "remove the account and its home folder:",
            "empty": "remove the empty folder",
        }[self.kind]
        return f"{verb} {self.target}{self.note}".rstrip()


def iter_problems(request: SetupRequest, state: State) -> Iterator[str]:
    """Yield every reason why this host cannot be set up as requested."""
    site, user = request.site, request.user
    yield from iter_site_problems(site)
    if not _USER.match(user) or user == "root":
        yield f"{user!r} cannot be the deploy user: it must be the name of an ordinary account"
    yield from _iter_account_problems(request, state)
    yield from (f"{folder} can be changed by other users than root" for folder in state.unsafe)
    for path in state.taken:
        yield f"{path} is a unit of this system; the project needs another name"
    yield from _iter_kind_problems(request)
    for key in request.keys:
        if not _KEY.match(key):
            yield f"{key[:40]!r} is not a public key of OpenSSH"
    wanted = root_files(request)
    for name, text in sorted(state.files.items()):
        mine = name in wanted or name.startswith(str(FOLDER))
        if text is not None and mine and not _written_for(text, site.app):
            unit = os.path.basename(name)
            if not text and unit.endswith((".service", ".socket")):
                yield f"{unit} is masked: run `systemctl unmask {unit}` as root"
            else:
                yield f"{name} already exists and was not written for {site.app}"


def _iter_kind_problems(request: SetupRequest) -> Iterator[str]:
    for kind in request.kinds:
        if not PROCESS_NAME.match(kind.name) or kind.name in ("probe", "run"):
            yield f"a process with a unit cannot have the name {kind.name!r}"
    if len(request.kinds) > MOST_KINDS:
        yield (
            f"the bundle and the releases in {request.site.releases} have more than {MOST_KINDS} processes, "
            "each with a unit; find out what staged them, and remove those that you do not need"
        )
    if not request.site.roles:
        known = [kind.name for kind in request.kinds]
        for name in limited_processes(request.site.limits):
            if name not in known:
                yield f"[process:{name}] has limits, but the Procfile has no process {name}"
    if not request.kinds:
        yield "no process of the Procfile runs here: check roles"


def _iter_account_problems(request: SetupRequest, state: State) -> Iterator[str]:
    site, user = request.site, request.user
    if user == site.app:
        yield f"the deploy user and the site's own user would both be {user}"
    mine = state.accounts.get(site.app)
    if mine is not None and (mine.home != str(site.data) or not 0 < mine.uid < 1000):
        yield (
            f"the account {site.app} already exists for something else "
            f"(home {mine.home}, uid {mine.uid}); the site would run as it"
        )
    there = state.accounts.get(user)
    if there is not None and there.uid == 0:
        yield f"{user} has uid 0: it is root under another name"
    root = state.folders.get(str(site.root))
    if root is not None and root.owner not in (user, "root"):
        yield f"{site.root} belongs to {root.owner}, not to {user}"


def deploy_comment(app: str) -> str:
    """Return the comment of a deploy user's account, by which `remove` knows that setup made it."""
    return f"deploys {app} with django-deploykit"


def _written_for(text: str, app: str) -> bool:
    return any(
        f"# Written by django-deploykit for {app} (" in line for line in text.splitlines()[:3]
    )


def root_files(request: SetupRequest) -> Dict[str, Tuple[str, int]]:
    """Return the text and mode of root's files, by path."""
    site = request.site
    found: Dict[str, Tuple[str, int]] = {}
    if request.copied:
        path = str(record_path(site.app))
        found[path] = (record_text(site.app, request.copied.digest), 0o644)
    found.update(
        (str(FOLDER / name), (text, 0o644))
        for name, text in units(site, request.kinds, request.user).items()
    )
    found[str(helper_path(site.app))] = (helper(site, request.kinds, request.python), 0o755)
    if request.apparmor and site.apparmor != "off":
        found[str(profile_path(site.app))] = (profile(site), 0o644)
    found[str(SUDOERS / f"deploykit-{site.app}")] = (sudoers(site.app, request.user), 0o440)
    return found


def folders(request: SetupRequest) -> Dict[str, Folder]:
    """Return the owner and mode of the folders that setup makes, by path."""
    site = request.site
    return {
        str(helper_path(site.app).parent): Folder("root", 0o755),
        str(site.etc): Folder("root", 0o755),
        str(site.etc / "conf.d"): Folder("root", 0o755),
        str(site.root): Folder(request.user, 0o755),
    }


def plan(request: SetupRequest, state: State) -> Tuple[Action, ...]:
    """Return the necessary actions in order; none if the host is ready."""
    return (
        *_accounts(request, state),
        *_folders(request, state),
        *_files(request, state),
        *_own(request, state),
        *_services(request, state),
    )


def _accounts(request: SetupRequest, state: State) -> Iterator[Action]:
    site = request.site
    if request.user not in state.accounts:
        kind = "login" if request.login else "nologin"
        yield Action(kind, request.user, deploy_comment(site.app))
    if site.app not in state.accounts:
        yield Action("account", site.app, str(site.data))


def _folders(request: SetupRequest, state: State) -> Iterator[Action]:
    for path, wanted in folders(request).items():
        there = state.folders.get(path)
        if there is None or (there.owner != wanted.owner and there.owner == "root"):
            yield Action("folder", path, "", wanted.mode, wanted.owner)
    if state.strays:
        yield Action("give", str(request.site.root), owner=request.user)


def _files(request: SetupRequest, state: State) -> Iterator[Action]:
    ini = str(request.site.ini)
    if ini not in state.present:
        yield Action("secret", ini, request.sample, 0o600)
    wanted = root_files(request)
    changed = False
    for path, (text, mode) in wanted.items():
        if state.files.get(path) != text:
            changed = changed or path.startswith(str(FOLDER))
            if request.copied and path == str(record_path(request.site.app)):
                folder = str(python_folder(request.site.app))
                yield Action("python", folder, "\n".join(map(str, request.copied)), 0o755)
            yield Action("file", path, text, mode)
            if path == str(profile_path(request.site.app)):
                yield Action("profile", path)
    old = str(profile_path(request.site.app))
    if old not in wanted and _written_for(state.files.get(old) or "", request.site.app):
        yield Action("unprofile", old)
    for path in _obsolete(request, state):
        changed = True
        yield Action("remove", path)
    if changed:
        yield Action("reload", "")


def _obsolete(request: SetupRequest, state: State) -> List[str]:
    """Return the units of processes that are no longer in any release."""
    wanted = root_files(request)
    return sorted(
        path
        for path, text in state.files.items()
        if path not in wanted
        and text is not None
        and path.startswith(str(FOLDER))
        and _written_for(text, request.site.app)
    )


def _own(request: SetupRequest, state: State) -> Iterator[Action]:
    site, user = request.site, request.user
    path = _site_json(site)
    if state.files.get(path) != site.dumps():
        yield Action("own", path, site.dumps(), 0o644, user)
    lacking = [key for key in request.keys if _bare(key) not in {_bare(one) for one in state.keys}]
    if lacking:
        text = "".join(key + "\n" for key in lacking)
        yield Action("keys", user, text, 0o600, user, _keys_note(request, len(lacking)))


def _keys_note(request: SetupRequest, count: int) -> str:
    """Return whose keys may log in from now on, because this gives people access."""
    keys = "1 key" if count == 1 else f"{count} keys"
    if not request.keys_of:
        return f" ({keys} of the request)"
    owners = " and ".join(request.keys_of)
    return f", copied from {owners}: who can log in as {owners} now can log in as {request.user} too ({keys})"


def _bare(key: str) -> Tuple[str, ...]:
    """Return a public key without its comment."""
    return tuple(key.split()[:2])


def _services(request: SetupRequest, state: State) -> Iterator[Action]:
    app = request.site.app
    names = [f"{app}.service"]
    web = any(kind.name == "web" for kind in request.kinds)
    if web:
        names.insert(0, f"{app}.socket")
        path = str(FOLDER / f"{app}.socket")
        before = state.files.get(path)
        if before is not None and before != root_files(request)[path][0]:
            yield Action("rebind", app)
    for name in names:
        if name not in state.enabled:
            yield Action("enable", name)
    if web and not state.live:  # the first release starts both
        return
    for name in names:
        if name not in state.running:
            yield Action("up", name)


def _site_json(site: Site) -> str:
    return str(site.root / "site.json")


def authorized(texts: Sequence[str]) -> Tuple[str, ...]:
    """Return the keys in authorized_keys files, except lines with options.

    Such a line may force a command (cloud images prevent logging in as root this way).
    """
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return tuple(dict.fromkeys(line for line in lines if _KEY.match(line)))
