"""Verbs for a bundle that a person copied to a host."""

from __future__ import annotations

import argparse
import socket
from dataclasses import replace
from pathlib import Path

from ...base.accounts import owner_of
from ...base.hints import bundle_command, install_command, is_by_hand, setup_command
from ...base.site import (
    Site,
    default_listen,
    default_root,
    default_site,
    live_release,
    load_site,
)
from ...bundle.reader import BundleFile
from ...supervisors.helper_reader import usual_root
from ...wire.calls import Call
from ...wire.operating import (
    INFO,
    REMOVE,
    SETUP,
    VERIFY,
    BundleInfo,
    BundleLayer,
    RemoveResult,
    SetupResult,
    VerifyResult,
)
from ..registry import WAIT, Invocation, argument, release_id, text_verb, verb

# Only people call these, so no code reads the answers.
_INSTALL, _ROLLBACK = Call("install", object), Call("rollback", object)


@verb(INFO, "show what this bundle contains", keeps_root=True)
def info(run: Invocation) -> BundleInfo:
    """Return the contents of the manifest."""
    with BundleFile(run.path) as bundle:
        manifest = bundle.manifest
    return BundleInfo(
        project=manifest.project,
        release_id=manifest.release_id,
        commit=manifest.commit,
        python=manifest.python,
        platform=manifest.platform,
        glibc=manifest.glibc,
        size=manifest.size,
        processes={one.name: one.command for one in manifest.processes},
        required=tuple(manifest.required),
        layers=tuple(
            BundleLayer(one.kind, one.name, one.version, one.size, one.sha256)
            for one in manifest.layers
        ),
    )


@verb(VERIFY, "check every byte of this bundle against its digests", keeps_root=True)
def verify(run: Invocation) -> VerifyResult:
    """Read and verify the whole bundle."""
    with BundleFile(run.path) as bundle:
        bundle.verify()
        manifest = bundle.manifest
    return VerifyResult(str(run.path), manifest.release_id, len(manifest.layers))


def _setup_arguments(parser: argparse.ArgumentParser) -> None:
    from ...provision.setup import add_arguments

    add_arguments(parser)


def _after_setup(found: SetupResult) -> str:
    if found.plan and not found.changed:
        return setup_command()  # only the plan was shown
    install = f"{install_command()} (as {found.user})"
    return f"do what is left, then {install}" if found.left else install


@verb(
    SETUP,
    "prepare this host for the project (as root)",
    _setup_arguments,
    own_input=True,
    keeps_root=True,
    next_step=_after_setup,
)
def setup(run: Invocation) -> SetupResult:
    """Create accounts, folders and units."""
    from ...provision.setup import setup as set_up

    return set_up(run.options, run.path, run.voice)


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    from ...provision.remove import add_arguments

    add_arguments(parser)


@verb(
    REMOVE,
    "take the site off this host (as root)",
    _remove_arguments,
    own_input=True,
    keeps_root=True,
)
def remove(run: Invocation) -> RemoveResult:
    """Remove everything that setup and releases made."""
    from ...provision.remove import remove as remove_site
    from ...webservers import website_places

    app = app_of(run)
    root = run.options.root or default_root(app)
    return remove_site(app, root, website_places(app), run.options, run.voice)


def app_of(run: Invocation) -> str:
    """Return the project's name: the bundle's, else the name of the site's folder."""
    if is_by_hand():
        with BundleFile(run.path) as bundle:
            return bundle.manifest.project
    return Path(run.options.root).name


@text_verb("runbook", "print a page in HTML for the people who run this site")
def runbook(run: Invocation) -> int:
    """Print the runbook of the bundle, with what this host says about its site."""
    from ..runbook import Runbook, page

    with BundleFile(run.path) as bundle:
        manifest, sample = bundle.manifest, bundle.read("sample.ini").decode("utf-8", "replace")
    app = manifest.project
    site, host, live, user = usual_site(app), "", None, ""
    if (site.root / "site.json").exists():
        site = load_site(site.root)
        host, live, user = socket.gethostname(), live_release(site), owner_of(site.root).name
    command = bundle_command(run.path)
    print(page(Runbook(manifest, command, sample, site, host, live, user)), end="")
    return 0


def usual_site(app: str) -> Site:
    """Return the site as setup makes it without options."""
    return replace(default_site(app, usual_root(app)), listen=default_listen(app))


def _install_arguments(parser: argparse.ArgumentParser) -> None:
    from ...deploy.install import add_arguments

    add_arguments(parser)


@verb(_INSTALL, "put this bundle live on this host, by hand", _install_arguments, WAIT)
def install(run: Invocation) -> object:
    """Stage, check, migrate and switch without a controller."""
    from ...deploy.install import install as install_bundle

    return install_bundle(run.root, run.options, run.path, run.voice)


def _rollback_arguments(parser: argparse.ArgumentParser) -> None:
    from ...deploy.rollback import add_arguments

    add_arguments(parser)


@verb(
    _ROLLBACK,
    "go back to a release that is staged on this host, by hand",
    argument(
        "release",
        nargs="?",
        type=release_id,
        help="a release id; default: the release that was live before",
    ),
    _rollback_arguments,
    WAIT,
)
def rollback(run: Invocation) -> object:
    """Go back without a controller."""
    from ...deploy.rollback import roll_back

    return roll_back(run.root, run.options.release or "", run.options, run.path, run.voice)
