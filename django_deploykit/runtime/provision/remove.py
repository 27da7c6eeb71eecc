"""The verb ``remove``: takes a site off this host, as root, after showing what goes.

The data and the configuration stay unless ``--data`` is given. A second run finds nothing to do,
and setup can make the host ready again.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

from ..base.errors import DeployKitError
from ..base.hints import as_root, verb_command
from ..base.names import valid_app
from ..wire.events import Activity
from ..wire.operating import RemoveResult
from ..wire.voice import Voice
from .apply import apply
from .installed import look_for, mount_points
from .plan import Action
from .removal import Installed, kept_paths, removal_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--plan", action="store_true", help="show what would be removed; changes nothing"
    )
    parser.add_argument(
        "--data", action="store_true", help="remove the data and the configuration too"
    )
    parser.add_argument("--noinput", action="store_true", help="do not ask for confirmation")


def validate_host() -> None:
    """Raise :class:`DeployKitError` unless this process is root."""
    if os.geteuid() != 0:
        raise DeployKitError("remove needs root", f"Run `{as_root(verb_command('remove'))}`.")


def ask(question: str) -> bool:
    """Ask a person at a terminal; raise :class:`DeployKitError` if there is none."""
    if not sys.stdin.isatty():
        raise DeployKitError(
            "nothing was removed: this is not a terminal, so nobody can confirm it",
            "Add --noinput, or look first with --plan.",
        )
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _validate_mounts(steps: Sequence[Action], mounts: Sequence[str]) -> None:
    """Raise :class:`DeployKitError` if something is mounted in a folder that is to be removed."""
    for step in steps:
        inside = [one for one in mounts if f"{one}/".startswith(f"{step.target}/")]
        if step.kind == "tree" and inside:
            raise DeployKitError(
                f"nothing was removed: something is mounted on {', '.join(inside)}",
                f"Unmount it, because everything in {step.target} is removed.",
            )


@dataclass(frozen=True)
class RemoveEffects:
    """The functions of the host that the verb uses; ``look`` takes the app and its folder.

    ``mounts`` returns the folders on which something is mounted.
    """

    validate: Callable[[], None] = validate_host
    look: Callable[[str, Path, Mapping[str, str]], Installed] = look_for
    apply: Callable[[Action], None] = apply
    mounts: Callable[[], Sequence[str]] = mount_points
    ask: Callable[[str], bool] = ask


def remove(
    app: str,
    root: Path,
    websites: Mapping[str, str],
    options: argparse.Namespace,
    voice: Voice,
    host: RemoveEffects = RemoveEffects(),
) -> RemoveResult:
    """Run the verb; ``websites`` are the places of the site's file, by web server."""
    host.validate()
    if not valid_app(app):
        raise DeployKitError(f"{app!r} is not a project name")
    found = host.look(app, root, websites)
    steps = removal_plan(found, options.data)
    words = tuple(str(step) for step in steps)
    kept = kept_paths(found, options.data)
    for line in words or ("nothing to do",):
        voice.emit(Activity("plan", line))
    for path in kept:
        voice.emit(Activity("keep", path))
    _validate_mounts(steps, host.mounts())
    if not steps or options.plan:
        return RemoveResult(False, words, kept)
    if not options.noinput and not host.ask(f"Remove {app} from this host?"):
        raise DeployKitError("nothing was removed", "Answer yes, or add --noinput.")
    for step in steps:
        voice.emit(Activity("step", str(step)))
        host.apply(step)
    return RemoveResult(True, words, kept)
