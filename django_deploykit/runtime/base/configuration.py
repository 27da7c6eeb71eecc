"""A site's INI files for host verbs: only names of options, so that no verb reads a value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Set

from .ini import keys_with_value

GENERATE = "{generate}"


def configured_keys(etc: Path, app: str) -> List[str]:
    """Return the options that ``<etc>/<app>.ini`` and ``<etc>/conf.d/*.ini`` set, sorted."""
    found: Set[str] = set()
    for path in [etc / f"{app}.ini", *sorted((etc / "conf.d").glob("*.ini"))]:
        try:
            # If a byte is not UTF-8, the settings do not load, and their error names the file.
            found |= keys_with_value(path.read_text(encoding="utf-8-sig", errors="replace"))
        except FileNotFoundError:
            continue
    return sorted(found)


def only_local_hosts(sample: str) -> bool:
    """Return whether a sample's default for allowed_hosts only accepts this machine.

    >>> only_local_hosts("[django]\\n# allowed_hosts = localhost, 127.0.0.1\\n")
    True
    """
    match = re.search(r"^# allowed_hosts =(.*)$", sample, re.MULTILINE)
    hosts = {host.strip() for host in match.group(1).split(",")} if match else {"?"}
    return hosts <= {"", "localhost", "127.0.0.1", "[::1]", "::1", ".localhost"}


def fill(sample: str) -> str:
    """Return a sample in which every ``{generate}`` is replaced by a new random key."""
    import secrets  # slow to import, and rarely needed

    while GENERATE in sample:
        sample = sample.replace(GENERATE, secrets.token_urlsafe(50), 1)
    return sample
