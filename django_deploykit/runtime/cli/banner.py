"""What ``./shop.pyz`` by itself prints: what the bundle is, and what to do with it on this host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from ..base.errors import DeployKitError
from ..base.hints import as_root, bundle_command, by_hand, verb_command
from ..base.printable import printable
from ..base.site import live_release, load_site
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..provision.pythons import is_packaged, python_problem
from ..storage.virtualenv import find_python
from ..supervisors.helper_reader import usual_root

_WIDTH = 40  # columns of a command, in front of its explanation


@dataclass(frozen=True)
class SiteState:
    """The state of the bundle's site on this host; ``problem`` says why it is not known."""

    setup: bool
    live: Optional[str] = None
    problem: str = ""


def print_banner(path: Path) -> int:
    """Print the banner of the bundle ``path``; return the exit code."""
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    with by_hand(path):
        state = look(usual_root(manifest.project))
        lacking = ""
        if manifest.interpreter is None:
            lacking = python_problem(manifest.python, find_python, is_packaged)
        print(printable("\n".join(banner_lines(manifest, bundle_command(path), state, lacking))))
    return 0


def look(root: Path) -> SiteState:
    """Return the state of a site. Its folder belongs to the deploy user, so it may be damaged."""
    if not (root / "site.json").exists():
        return SiteState(setup=False)
    try:
        return SiteState(True, live_release(load_site(root)))
    except (DeployKitError, OSError) as error:
        return SiteState(True, None, str(error).splitlines()[0])


def banner_lines(
    manifest: Manifest, command: str, state: SiteState, lacking: str = ""
) -> List[str]:
    """Return the lines of the banner.

    ``command`` is how the bundle is called, ``lacking`` why this host cannot run it yet.
    """
    release, layers = manifest.release_id, f"{len(manifest.layers)} layers"
    lines = [
        f"{manifest.project} {release} (commit {manifest.commit[:12]}, {release[:15]} UTC)",
        f"{_python(manifest)}, {manifest.platform}, {layers}, {manifest.size >> 20} MiB",
        *(["", f"First of all: {lacking}"] if lacking else []),
    ]
    for title, rows in (
        (_title(manifest, state), host_commands(state)),
        (_file_title(state), _file_commands(manifest, command)),
    ):
        lines += ["", title]
        lines += [f"  {command:<{_WIDTH}} {text}".rstrip() for command, text in rows]
    lines += ["", f"More host verbs: {verb_command('--help')}"]
    if manifest.required:
        lines += ["", "Required configuration, from an INI file or the environment:"]
        lines += [f"  {key}" for key in manifest.required]
    return lines


def _python(manifest: Manifest) -> str:
    layer = manifest.interpreter
    return f"its own Python {layer.version}" if layer else f"Python {manifest.python}"


def _title(manifest: Manifest, state: SiteState) -> str:
    if not state.setup:
        return f"This host is not set up for {manifest.project}. In this order:"
    if state.problem:
        return f"On this host, which needs setup again ({state.problem}):"
    return f"On this host, where {state.live or 'nothing'} is live:"


def _file_title(state: SiteState) -> str:
    return (
        "As the site, once this bundle is installed:" if state.setup else "Without installing it:"
    )


def host_commands(state: SiteState) -> Sequence[Tuple[str, str]]:
    """Return the commands for this host with their explanations, the first one to call first."""
    plan = (as_root(verb_command("setup --plan")), "show what setup would change")
    setup = (as_root(verb_command("setup")), "prepare this host, once")
    install = (verb_command("install"), "put this bundle live, as the deploy user")
    status = (verb_command("status"), "show what is live, and whether it answers")
    if not state.setup:
        return plan, setup, install, status
    remove = as_root(verb_command("remove"))
    changed = (setup[0], "prepare this host again, after a change")
    usual = (
        status,
        install,
        (verb_command("rollback"), "go back to the release that was live before"),
        (verb_command("logs"), "print the last lines of the site's log"),
        (verb_command("exec -- COMMAND"), "run a Django command with this host's configuration"),
        (verb_command("history"), "show what was done on this host"),
        (verb_command("restart"), "restart the site after a change of its configuration"),
    )
    last = (remove, "take the site off this host; data and configuration stay")
    if state.problem:
        return (changed, *usual, last)
    if state.live is None:
        return (install, status, *usual[3:], changed, last)
    return (*usual, changed, last)


def _file_commands(manifest: Manifest, command: str) -> List[Tuple[str, str]]:
    found = [(f"{command} check", "any Django command of the project")]
    found += [(f"{command} run {one.name}", one.command) for one in manifest.processes]
    return found
