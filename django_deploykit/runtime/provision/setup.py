"""The verb ``setup``: prepares a new host for a project as root, or updates its setup.

It runs from a bundle (``sudo ./shop.pyz deploykit setup``) or for a controller. A controller sends
the bundle's part as JSON on standard input (``setup --request``)::

    {"manifest": {...}, "sample": "...", "user": "deploy", "keys": ["ssh-ed25519 ..."],
     "site": {"listen": "...", "health": "/", "host": "", "keep": 5, "boot": 60, "drain": 30,
              "roles": [], "proxied": true}}

Only the manifest is required. The result is ``{"changed", "plan", "user", "ini", "listen",
"left"}``: ``plan`` describes the steps, ``left`` what a person still has to do.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Tuple

from ..base.configuration import configured_keys, is_unwritten, only_local_hosts
from ..base.documents import Document
from ..base.errors import DeployKitError, Problems
from ..base.files import read_regular
from ..base.hints import as_root, has_program, setup_command
from ..base.ini import keys_with_value
from ..base.option_names import missing_keys
from ..base.site import Site, default_listen, default_site, load_site
from ..base.site_options import SITE_OPTIONS, argument_type, values_of
from ..base.variables import environment_file, place_of_key, read_environment_file
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..storage.prune import iter_manifests, staged_releases
from ..storage.virtualenv import find_python
from ..supervisors.helper_reader import usual_root
from ..supervisors.root_python import (
    SYSTEM,
    is_bundled,
    own_program,
    root_program,
    running_python,
)
from ..supervisors.systemd_units import Kind, kinds_of, listening, read_units
from ..wire.events import Activity
from ..wire.operating import SetupResult
from ..wire.voice import Voice
from .apply import apply
from .plan import (
    MOST_KINDS,
    Action,
    SetupRequest,
    State,
    authorized,
    iter_problems,
    plan,
)
from .pythons import is_packaged, python_problem
from .state import look

_LONGEST = 1 << 20  # bytes of a file with keys
_MOST_RELEASES = 200  # the deploy user can stage any number, and root reads them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--plan", action="store_true", help="show what would change; changes nothing"
    )
    parser.add_argument("--request", action="store_true", help="read JSON from standard input")
    parser.add_argument("--user", default="", help="the deploy user; default: the caller of sudo")
    parser.add_argument(
        "--no-login",
        dest="login",
        action="store_false",
        help="if the deploy user is created: nobody can log in as it",
    )
    for name, option in SITE_OPTIONS.items():
        if option.switch:
            parser.add_argument(
                option.switch, dest=name, action="store_false", default=None, help=option.help
            )
        else:
            parser.add_argument(
                f"--{name}",
                type=argument_type(option.read),
                metavar=option.metavar,
                help=option.help,
            )


def root_python_problem(request: SetupRequest) -> str:
    """Return why root's helper could not run here, or an empty string."""
    if request.copied is not None or os.path.exists(request.python):
        return ""
    return (
        "this host has no Python, and setup is not run by the bundle's own: use a bundle that was "
        "built with the present interpreter of deploykit.ini"
    )


@dataclass(frozen=True)
class SetupEffects:
    """The functions of the host that setup uses: validating it, reading its state, changing it.

    ``python`` returns the path of a Python version, ``packaged`` says whether a package exists.
    ``root_python`` says why root's helper could not run.
    """

    validate: Callable[[], None]
    look: Callable[[SetupRequest], State] = look
    apply: Callable[[Action], None] = apply
    python: Callable[[str], str] = find_python
    packaged: Callable[[str], bool] = is_packaged
    root_python: Callable[[SetupRequest], str] = root_python_problem


def validate_host() -> None:
    """Raise :class:`DeployKitError` unless this process is root and the host has all tools."""
    if os.geteuid() != 0:
        raise DeployKitError(
            "setup needs root, once; releases do not",
            f"Run `{setup_command()}`, or log in as root.",
        )
    _require_tools()


def setup(
    options: argparse.Namespace,
    path: Path,
    voice: Voice,
    host: SetupEffects = SetupEffects(validate_host),
) -> SetupResult:
    """Run the verb; with ``--plan`` only show what it would do."""
    host.validate()
    manifest, sample, data = _asked(options, path)
    request = _request(options, manifest, sample, data)
    state = host.look(request)
    problems = [*iter_problems(request, state), *filter(None, [host.root_python(request)])]
    if manifest.interpreter is None:
        lacking = python_problem(manifest.python, host.python, host.packaged)
        problems += filter(None, [lacking])
    if problems:
        raise Problems("this host cannot be set up; nothing was changed:", problems)
    steps = plan(request, state)
    words = [str(step) for step in steps]
    for line in words if options.plan or not voice.person else ():  # a person reads the steps
        voice.emit(Activity("plan", line))
    if not options.plan:
        for step in steps:
            voice.emit(Activity("step", str(step)))
            host.apply(step)
    return SetupResult(
        changed=bool(steps) and not options.plan,
        plan=tuple(words),
        user=request.user,
        ini=str(request.site.ini),
        listen=request.site.listen,
        left=tuple(_left(request, manifest, state)),
    )


def _require_tools() -> None:
    needed = {"sudo": "sudo", "visudo": "sudo", "systemctl": "systemd", "useradd": "passwd"}
    lacking = sorted({package for tool, package in needed.items() if not shutil.which(tool)})
    if not Path(SYSTEM).exists() and not is_bundled():
        lacking.append("python3")
    if lacking:
        names = " ".join(lacking)
        raise DeployKitError(
            f"this host lacks {names}", f"Run: {as_root(f'apt-get install {names}')}"
        )
    if not Path("/run/systemd/system").is_dir():
        raise DeployKitError("this host does not run systemd", "Setup needs a booted systemd.")


def _asked(options: argparse.Namespace, path: Path) -> Tuple[Manifest, str, Document]:
    """Return the manifest, the sample INI, and the rest of the request."""
    if options.request:
        try:
            data = json.loads(sys.stdin.read())
            manifest = Manifest.loads(json.dumps(data.get("manifest")))
        except (ValueError, AttributeError) as error:
            raise DeployKitError(f"the request is not a JSON object: {error}") from None
        return manifest, str(data.get("sample", "")), data
    with BundleFile(path) as bundle:
        return bundle.manifest, bundle.read("sample.ini").decode("utf-8"), {}


def _request(
    options: argparse.Namespace, manifest: Manifest, sample: str, data: Document
) -> SetupRequest:
    app = manifest.project
    root = options.root or usual_root(app)
    site = _site(options, manifest.project, root, dict(data.get("site", {})))
    user = options.user or str(data.get("user", "")) or _usual_user(root)
    given = [str(key).strip() for key in data.get("keys", [])]
    keys, keys_of = _keys(user, given) if options.login else ((), ())
    copied = None if Path(SYSTEM).exists() else running_python(manifest)
    return SetupRequest(
        site=site,
        python=str(own_program(app)) if copied else root_program(app),
        copied=copied,
        kinds=_kinds(manifest, site),
        user=user,
        sample=sample,
        required=manifest.required,
        keys=keys,
        keys_of=keys_of,
        login=options.login,
        apparmor=has_program("apparmor_parser"),
    )


def _site(options: argparse.Namespace, app: str, root: Path, asked: Dict[str, object]) -> Site:
    """Return the site; options come from arguments, the request, the current site, or defaults."""
    default = default_site(app, root)
    try:
        before = load_site(root)
    except DeployKitError:
        before = default
    try:
        requested = values_of(asked)
    except ValueError as error:
        raise DeployKitError(f"the request is not valid: {error}") from None
    given = {name: getattr(options, name) for name in SITE_OPTIONS}
    return default.with_options(
        {
            **before.site_values(),
            # The address is read from root's unit, because the deploy user can write to site.json.
            "listen": listening(app, read_units(app)) or default_listen(app),
            **requested,
            **{name: value for name, value in given.items() if value is not None},
        }
    )


def _kinds(manifest: Manifest, site: Site) -> Tuple[Kind, ...]:
    """Return the processes of this bundle, and of every staged release, for rollbacks."""
    found = {kind.name: kind for kind in kinds_of(manifest.processes, site.roles)}
    try:
        staged = staged_releases(site)
    except OSError as error:
        raise DeployKitError(f"{error.filename} {error.strerror}", "Remove it.") from None
    if len(staged) > _MOST_RELEASES:
        raise DeployKitError(
            f"{site.releases} has {len(staged)} releases, and setup reads at most {_MOST_RELEASES};"
            " nothing was changed",
            "Find out what staged them, then remove those that you do not need.",
        )
    for one in iter_manifests(site, staged):
        if len(found) > MOST_KINDS:
            break  # it will be refused
        for kind in kinds_of(one.processes, site.roles):
            found.setdefault(kind.name, kind)
    return tuple(sorted(found.values(), key=lambda kind: (kind.name != "web", kind.name)))


def _usual_user(root: Path) -> str:
    """Return the default deploy user: the site's owner, else sudo's caller, else ``deploy``."""
    try:
        owner = pwd.getpwuid(root.stat().st_uid).pw_name
    except (FileNotFoundError, KeyError):
        owner = "root"
    caller = os.environ.get("SUDO_USER", "root")
    return next((name for name in (owner, caller) if name != "root"), "deploy")


def _keys(user: str, given: List[str]) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """Return login keys, and the accounts that they are copied from.

    They are the given ones, or for a new account the ones of sudo's caller and of root.
    """
    if given:
        return tuple(given), ()
    with suppress(KeyError):
        pwd.getpwnam(user)
        return (), ()
    found: Dict[str, Tuple[str, ...]] = {}
    for name in (os.environ.get("SUDO_USER", ""), "root"):
        try:
            home = Path(pwd.getpwnam(name).pw_dir if name else "/nonexistent")
            text = read_regular(home / ".ssh" / "authorized_keys", _LONGEST, top=home)
        except (OSError, KeyError, DeployKitError):
            continue
        found[name] = authorized([text])
    keys = tuple(dict.fromkeys(key for keys in found.values() for key in keys))
    return keys, tuple(name for name, keys in found.items() if keys)


HOSTS = "[django] allowed_hosts"


def _left(request: SetupRequest, manifest: Manifest, state: State) -> List[str]:
    """Return what a person must do before a release can run."""
    site, left = request.site, []
    keys = configured_keys(site.etc, site.app)
    if is_unwritten(site.ini):
        keys += sorted(keys_with_value(request.sample))
    missing = missing_keys(manifest.required, manifest.project, keys)
    left += [f"set {place_of_key(key, site.etc, site.app)}" for key in missing]
    variables = environment_file(site.etc, site.app)
    left += [f"correct {problem}" for problem in read_environment_file(variables)[1]]
    if HOSTS not in keys and HOSTS not in missing and only_local_hosts(request.sample):
        left.append(f"set {HOSTS} in {site.ini}: the site's host names")
    for path in (site.ini, variables):
        if path.exists() and path.stat().st_mode & 0o077:
            left.append(f"let nobody but root read {path}: chmod 600 {path}")
    return left
