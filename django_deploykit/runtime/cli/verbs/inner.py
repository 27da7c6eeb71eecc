"""Verbs that only django-deploykit itself calls."""

from __future__ import annotations

import os
import shlex
import sys

from ...base.accounts import owner_of, user_name
from ...base.errors import DeployKitError
from ...base.hints import as_root, bundle_command, install_command, verb_command
from ...base.processes import run as run_command
from ...base.site import live_release
from ...bundle.reader import BundleFile
from ...storage.prune import staged_releases
from ...supervisors import supervisor_of
from ..registry import Invocation, argument, text_verb


@text_verb(
    "serve",
    "run verbs that arrive on standard input",
    own_input=True,
    listed=False,
    keeps_root=True,  # each verb becomes the owner, in a process of its own
)
def serve(run: Invocation) -> int:
    """Run many verbs over one connection."""
    from ..server import serve as serve_verbs

    return serve_verbs(run.call_verb)


@text_verb(
    "local-daemon", "keep the processes of a local site running", own_input=True, listed=False
)
def local_daemon(run: Invocation) -> int:
    """Become the process daemon of a site without systemd."""
    from ...supervisors.local_daemon import main

    return main(str(run.root))


@text_verb(
    "command",
    "run a command of this file as the site that is set up here",
    argument("argv", nargs="*", help="what comes after the name of the file"),
    own_input=True,
    listed=False,
)
def command(run: Invocation) -> int:
    """Run ``./shop.pyz COMMAND`` on a host that is set up for the project.

    By itself the file would use another database: the settings' defaults, with data in a cache.
    """
    words = list(run.options.argv)
    line = shlex.join(words)
    _validate_user(run, f"{bundle_command(run.path)} {line}")
    site = run.site
    with BundleFile(run.path) as bundle:
        release = bundle.manifest.release_id
    live = live_release(site)
    if release not in staged_releases(site):
        serving = f"{live} is live" if live else "nothing is live"
        there = f"In the live release: {verb_command(f'exec -- {line}')}\n" if live else ""
        raise DeployKitError(
            f"{site.app} is set up on this host, but {release} of this file is not installed: {serving}",
            f"{there}To install this file: {install_command()}",
        )
    if release != live:
        print(f"note: this is {release}, and {live or 'nothing'} is live", file=sys.stderr)
    argv = ["--process", *words[1:]] if words[0] == "run" else words
    return run_command(supervisor_of(site, run.program).command(release, argv, {}))


def _validate_user(run: Invocation, line: str) -> None:
    """Raise :class:`DeployKitError` unless this is the deploy user, which root has become."""
    try:
        owner, uid = owner_of(run.root), os.geteuid()
    except FileNotFoundError:
        return  # loading the site says more
    if uid != owner.uid:
        raise DeployKitError(
            f"{run.root} belongs to {owner.name}: only that user and root can run commands of the"
            f" site, and you are {user_name(uid)}",
            f"Use: {as_root(line)}",
        )
