"""The verb that a package's script calls when dpkg configures the package."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Collection, Optional

from ...base.accounts import become_owner
from ...base.hints import verb_command
from ...base.names import is_older
from ...base.site import live_release, load_site
from ...base.site_options import SITE_OPTIONS
from ...bundle.reader import BundleFile
from ...storage.prune import staged_releases
from ...wire.events import Activity
from ...wire.operating import SetupResult
from ..registry import Invocation, text_verb

_WAIT = 300.0  # seconds to wait for another release, because no person is there to try again


def _arguments(parser: argparse.ArgumentParser) -> None:
    from ...provision.setup import add_arguments

    add_arguments(parser)


@text_verb(
    "configure",
    "set this host up, and put this bundle live; for the scripts of packages (as root)",
    _arguments,
    own_input=True,
    listed=False,
    keeps_root=True,
)
def configure(run: Invocation) -> int:
    """Set the host up, then go live, or back if a newer release is live.

    The options only count if the site is not set up yet: afterwards they belong to operations. If
    the configuration of a new site is not complete, the host is made ready, and nothing goes live.
    """
    done = _set_up(run)
    if run.options.plan:
        return 0
    root = run.root
    become_owner(root, (str(run.path), os.__file__))
    site = load_site(root)
    with BundleFile(run.path) as bundle:
        release = bundle.manifest.release_id
    action = next_action(release, live_release(site), staged_releases(site), done.left)
    if action is None:
        _show_left(run, done)
        return 0
    choices = argparse.Namespace(
        plan=False, wait=_WAIT, older=True, allow_breaking_migrations=False
    )
    if action == "rollback":
        from ...deploy.rollback import roll_back

        roll_back(root, release, choices, run.path, run.voice)
    else:
        from ...deploy.install import install

        install(root, choices, run.path, run.voice)
    run.voice.emit(Activity("live:", release))
    return 0


def next_action(
    release: str, live: Optional[str], staged: Collection[str], left: Collection[str]
) -> Optional[str]:
    """Return how a release goes live, or None if its site is new and something is left to do.

    >>> next_action("20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb", ["20261101T000000-aaaaaaa"], ())
    'rollback'
    """
    if live is None:
        return None if left else "install"
    return "rollback" if is_older(release, live) and release in staged else "install"


def _set_up(run: Invocation) -> SetupResult:
    from ...provision.setup import setup
    from ...provision.state import units_in_state

    unit = f"{_app(run.path)}.service"  # enabled in the last step of setup
    if unit in units_in_state("is-enabled", "enabled", [unit]):
        run.options.user = ""
        for name in SITE_OPTIONS:
            setattr(run.options, name, None)
    return setup(run.options, run.path, run.voice)


def _app(path: Path) -> str:
    with BundleFile(path) as bundle:
        return bundle.manifest.project


def _show_left(run: Invocation, done: SetupResult) -> None:
    for line in done.left:
        run.voice.emit(Activity("left to do:", line))
    run.voice.emit(Activity("not live yet:", f"do this, then run: {verb_command('install')}"))
