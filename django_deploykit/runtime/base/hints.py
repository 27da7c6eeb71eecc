"""The commands that hints name, as the reader can run them.

A person who runs a bundle by hand has the bundle and this host. Everyone else gets the answers of
verbs from ``manage.py release`` and has the project and its ``deploykit.ini``.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional

_VARIABLE = "DEPLOYKIT_BUNDLE"  # for commands of a release that a verb by hand runs
_PASSED = re.compile(r"[A-Za-z0-9._:/@+-]{1,200}\Z")  # as root's helper accepts
_named = os.environ.get(_VARIABLE)
_bundles: List[Optional[Path]] = [Path(_named) if _named else None]  # the last one counts


@contextmanager
def by_hand(bundle: Optional[Path]) -> Iterator[None]:
    """Let hints name commands of this bundle during the block; without one, ``manage.py release``."""
    _bundles.append(bundle)
    try:
        yield
    finally:
        _bundles.pop()


def environment() -> Dict[str, str]:
    """Return the variables for a command of a release, so that its hints have the same reader."""
    bundle = _bundles[-1]
    if bundle is None:
        return {}
    path = str(bundle.absolute())
    return {_VARIABLE: path if _PASSED.match(path) else "BUNDLE"}


def is_by_hand() -> bool:
    """Whether the reader runs a bundle by hand."""
    return _bundles[-1] is not None


def bundle_command(bundle: Path) -> str:
    """Return how a person calls a bundle from the current folder, quoted for a shell."""
    try:
        here = Path.cwd().resolve() == bundle.parent.resolve()
    except OSError:  # the current folder was removed
        here = False
    return shlex.quote(f"./{bundle.name}" if here else str(bundle))


def verb_command(verb: str) -> str:
    """Return the command that runs a host verb by hand."""
    bundle = _bundles[-1]
    return f"{bundle_command(bundle) if bundle else './BUNDLE'} deploykit {verb}"


def as_root(command: str) -> str:
    """Return the command that runs another as root, with what this host has."""
    if os.geteuid() == 0:
        return command
    return f"sudo {command}" if has_program("sudo") else f"su -c {shlex.quote(command)}"


def has_program(name: str) -> bool:
    """Whether this host has a program, also if it is only in root's PATH."""
    folders = os.environ.get("PATH", os.defpath).split(":")
    places = (*folders, "/usr/local/sbin", "/usr/sbin", "/sbin")
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in places if folder)


def setup_command(options: str = "") -> str:
    """Return the command that sets this host up again."""
    if _bundles[-1] is None:
        return "manage.py release ENVIRONMENT setup"
    return as_root(verb_command(f"setup {options}".rstrip()))


def change_option(name: str, value: str) -> str:
    """Return the instruction to change an option of the site, such as ``drain``."""
    if _bundles[-1] is None:
        return f"set `{name}` in deploykit.ini, then run `{setup_command()}`"
    return f"run `{setup_command(f'--{name} {value}')}`"


def fewer_releases() -> str:
    """Return the instruction to keep fewer releases, which frees disk space."""
    if _bundles[-1] is None:
        return "keep fewer releases there (`keep`)"
    setup, prune = setup_command("--keep NUMBER"), verb_command("prune")
    return f"keep fewer releases: run `{setup}`, then `{prune}`"


def install_command(options: str = "") -> str:
    """Return the command that puts a release live."""
    if _bundles[-1] is None:
        return "manage.py release ENVIRONMENT"
    return verb_command(f"install {options}".rstrip())


def status_command() -> str:
    """Return the command that shows the state of the site."""
    return (
        "manage.py release ENVIRONMENT status" if _bundles[-1] is None else verb_command("status")
    )


def logs_command() -> str:
    """Return the command that prints the log of the web process."""
    return "manage.py release ENVIRONMENT logs" if _bundles[-1] is None else verb_command("logs")


def rollback_command(release: str) -> str:
    """Return the command that goes back to a release."""
    words = f"rollback {release}"
    return f"manage.py release ENVIRONMENT {words}" if _bundles[-1] is None else verb_command(words)


def exec_command(command: str, release: str = "") -> str:
    """Return the command that runs a Django command of the live release, or of ``release``."""
    words = f"exec --release {release} -- {command}" if release else f"exec -- {command}"
    return f"manage.py release ENVIRONMENT {words}" if _bundles[-1] is None else verb_command(words)


def sign_command() -> str:
    """Return the instruction to sign a bundle, which needs the project."""
    if _bundles[-1] is None:
        return "Sign the bundle: manage.py bundle --sign KEY"
    return "Ask the people who built this bundle to sign it: manage.py bundle --sign KEY"


_PACKAGES = {"systemctl": "systemd", "journalctl": "systemd", "ssh-keygen": "openssh-client"}


def program_hint(error: OSError) -> str:
    """Return the hint for a program that this host lacks, or an empty string for other errors."""
    program = str(error.filename or "")
    if not isinstance(error, FileNotFoundError) or not program or "/" in program:
        return ""
    package = _PACKAGES.get(program, program)
    return f"Install {program} on this host: {as_root(f'apt-get install {package}')}"
