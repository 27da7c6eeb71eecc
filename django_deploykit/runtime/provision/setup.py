"""The verb ``setup``: as root, make a bare host ready for a project, or bring it up to date.

It comes in a bundle (``sudo ./shop.pyz deploykit setup``) or from a controller, which says on
standard input what a bundle would (``setup --request``), as JSON::

    {"manifest": {...}, "sample": "...", "user": "deploy", "keys": ["ssh-ed25519 ..."],
     "site": {"listen": "...", "health": "/", "host": "", "keep": 5, "boot": 60, "drain": 30,
              "roles": [], "proxied": true}}

Everything but the manifest may be left out. The result is ``{"changed", "plan", "user", "ini",
"listen", "left"}``: the steps in words, and what is left for a person to do.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

from ..base import ini
from ..base.errors import DeployKitError
from ..base.output import Voice
from ..base.site import Site, load_site
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..storage.prune import manifests
from ..storage.virtualenv import interpreter
from ..supervisors.systemd_units import Kind, kinds_of, listening, read_units
from .apply import apply
from .plan import Request, State, authorized, judge, plan
from .state import look

# What a request or an option may say of a site; the rest follows from the project's name.
_OPEN = ("listen", "health", "host", "keep", "boot", "drain", "roles", "proxied")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the verb takes."""
    parser.add_argument(
        "--plan", action="store_true", help="show what would change, change nothing"
    )
    parser.add_argument("--request", action="store_true", help="read JSON from standard input")
    parser.add_argument("--user", default="", help="the deploy user; default: who called sudo")
    parser.add_argument("--listen", help="a path below /run, or IP:PORT")
    parser.add_argument("--health", metavar="PATH", help="the path that is asked before a switch")
    parser.add_argument("--host", metavar="NAME", help="the Host header for that")
    parser.add_argument("--keep", type=int, help="how many releases stay")
    parser.add_argument("--boot", type=float, metavar="SECONDS", help="time to come up")
    parser.add_argument("--drain", type=float, metavar="SECONDS", help="time to finish")
    parser.add_argument("--roles", help="the processes that run here, separated by commas")
    parser.add_argument(
        "--no-proxy", dest="proxied", action="store_false", default=None, help="no proxy in front"
    )


def setup(options: argparse.Namespace, path: Path, voice: Voice) -> Dict[str, Any]:
    """Carry out the verb; with ``--plan`` only say what it would do."""
    if os.geteuid() != 0:
        raise DeployKitError(
            "setup needs root, once; releases do not", "Call it with sudo, or connect as root."
        )
    _judge_tools()
    manifest, sample, data = _asked(options, path)
    request = _request(options, manifest, sample, data)
    state = look(request)
    problems = list(judge(request, state))
    if problems:
        lines = [f"  - {problem}" for problem in problems]
        raise DeployKitError(
            "\n".join(["this host cannot be set up; nothing was changed:", *lines])
        )
    steps = plan(request, state)
    words = [str(step) for step in steps]
    voice.tell("plan", steps=words)
    if not options.plan:
        for step in steps:
            voice.tell("step", step=str(step))
            apply(step)
    return {
        "changed": bool(steps) and not options.plan,
        "plan": words,
        "user": request.user,
        "ini": str(request.site.ini),
        "listen": request.site.listen,
        "left": _left(request, manifest, state),
    }


def _judge_tools() -> None:
    needed = {"sudo": "sudo", "visudo": "sudo", "systemctl": "systemd", "useradd": "passwd"}
    lacking = sorted({package for tool, package in needed.items() if not shutil.which(tool)})
    if not Path("/usr/bin/python3").exists():
        lacking.append("python3")
    if lacking:
        names = " ".join(lacking)
        raise DeployKitError(f"this host lacks {names}", f"Run: apt-get install {names}")
    if not Path("/run/systemd/system").is_dir():
        raise DeployKitError("this host does not run systemd", "Setup needs a booted systemd.")


def _asked(options: argparse.Namespace, path: Path) -> Tuple[Manifest, str, Dict[str, Any]]:
    """Return the manifest, the sample INI and what else the caller says."""
    if options.request:
        try:
            data = json.loads(sys.stdin.read())
            manifest = Manifest.loads(json.dumps(data.get("manifest")))
        except (ValueError, AttributeError) as error:
            raise DeployKitError(f"the request is no JSON object: {error}") from None
        return manifest, str(data.get("sample", "")), data
    with BundleFile(path) as bundle:
        return bundle.manifest, bundle.read("sample.ini").decode("utf-8"), {}


def _request(
    options: argparse.Namespace, manifest: Manifest, sample: str, data: Dict[str, Any]
) -> Request:
    root = options.root or Path("/srv") / manifest.project
    site = _site(options, manifest, root, dict(data.get("site", {})))
    user = options.user or str(data.get("user", "")) or _usual_user(root)
    return Request(
        site=site,
        kinds=_kinds(manifest, site),
        user=user,
        sample=sample,
        required=manifest.required,
        keys=_keys(user, [str(key).strip() for key in data.get("keys", [])]),
        python=manifest.python,
    )


def _site(
    options: argparse.Namespace, manifest: Manifest, root: Path, asked: Dict[str, Any]
) -> Site:
    """Return the site: what was asked for now, else what it is already, else the usual."""
    app = manifest.project
    usual = Site(
        app=app,
        root=root,
        etc=Path("/etc") / app,
        data=Path("/var/lib") / app,
        listen=f"/run/{app}/web.sock",
    )
    before = _before(usual)
    values: Dict[str, Any] = {key: getattr(before, key) for key in _OPEN}
    # Where root listens is said by root's own unit, not by a file of the deploy user.
    values["listen"] = listening(manifest.project, read_units(manifest.project)) or usual.listen
    values.update({key: asked[key] for key in _OPEN if key in asked})
    values.update(
        {key: getattr(options, key) for key in _OPEN if getattr(options, key) is not None}
    )
    roles = values["roles"]
    values["roles"] = tuple(roles.split(",")) if isinstance(roles, str) else tuple(roles)
    types = {field.name: field.type for field in fields(Site)}
    for key, kind in (("keep", int), ("boot", float), ("drain", float), ("proxied", bool)):
        try:
            values[key] = kind(values[key])
        except (TypeError, ValueError):
            raise DeployKitError(f"{key} must be a {types[key]}, not {values[key]!r}") from None
    return replace(usual, **values)


def _before(usual: Site) -> Site:
    """Return the site as it was set up before; the deploy user could write there, so it is judged."""
    try:
        return load_site(usual.root)
    except (DeployKitError, TypeError):
        return usual


def _kinds(manifest: Manifest, site: Site) -> Tuple[Kind, ...]:
    """Return the processes of this bundle, and those that a staged release may come back with."""
    found = {kind.name: kind for kind in kinds_of(manifest.processes, site.roles)}
    if site.releases.is_dir():
        for one in manifests(site):
            for kind in kinds_of(one.processes, site.roles):
                found.setdefault(kind.name, kind)
    return tuple(sorted(found.values(), key=lambda kind: (kind.name != "web", kind.name)))


def _usual_user(root: Path) -> str:
    """Return the deploy user where none is named: the site's owner, who called sudo, ``deploy``."""
    try:
        owner = pwd.getpwuid(root.stat().st_uid).pw_name
    except (FileNotFoundError, KeyError):
        owner = "root"
    caller = os.environ.get("SUDO_USER", "root")
    return next((name for name in (owner, caller) if name != "root"), "deploy")


def _keys(user: str, given: List[str]) -> Tuple[str, ...]:
    """Return who may log in: the keys given, else, for a new account, those of whoever set it up."""
    if given:
        return tuple(given)
    try:
        pwd.getpwnam(user)
    except KeyError:
        texts = []
        for name in (os.environ.get("SUDO_USER", ""), "root"):
            try:
                home = pwd.getpwnam(name).pw_dir if name else "/nonexistent"
                texts.append(Path(home, ".ssh", "authorized_keys").read_text(encoding="utf-8"))
            except (OSError, KeyError, UnicodeDecodeError):
                continue
        return authorized(texts)
    return ()


HOSTS = "[django] allowed_hosts"


def _left(request: Request, manifest: Manifest, state: State) -> List[str]:
    """Return what a person has to do before a release can come."""
    site, left = request.site, []
    if str(site.ini) in state.present or site.ini.exists():
        keys = ini.names_in(site.etc, site.app)
    else:
        keys = sorted(ini.names(request.sample))
    missing = ini.missing_keys(manifest.required, manifest.project, keys)
    left += [f"set {key} in {site.ini}" for key in missing]
    if HOSTS not in keys and HOSTS not in missing and ini.only_here(request.sample):
        left.append(f"set {HOSTS} in {site.ini}: the names that people reach the site by")
    if site.ini.exists() and site.ini.stat().st_mode & 0o077:
        left.append(f"let nobody but root read {site.ini}: chmod 600 {site.ini}")
    try:
        interpreter(manifest.python)
    except DeployKitError:
        left.append(f"install Python {manifest.python}: apt-get install python{manifest.python}")
    return left
