"""Which options a site's INI files set: names only, so that nobody reads a value by accident."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set

SECTION = re.compile(r"\[([^\[\]]+)\]\s*\Z")
OPTION = re.compile(r"([^\s=:\[#;][^=:]*?)\s*[=:](.*)\Z")
GENERATE = "{generate}"


def names(text: str) -> Set[str]:
    """Return the options of an INI text that have a value, as ``[section] option``.

    >>> sorted(names("[django]\\nsecret_key = x\\ndebug =\\n"))
    ['[django] secret_key']
    """
    found, section = set(), ""
    for line in text.splitlines():
        stripped = line.strip()
        match = SECTION.match(stripped)
        if match:
            section = match.group(1).strip()
            continue
        option = OPTION.match(line) if line[:1] not in " \t" else None
        if option and section and stripped[0] not in "#;" and option.group(2).strip():
            found.add(f"[{section}] {option.group(1).strip().lower()}")
    return found


def only_here(sample: str) -> bool:
    """Whether a sample's own allowed_hosts, as a comment, let nobody in but this machine.

    >>> only_here("[django]\\n# allowed_hosts = localhost, 127.0.0.1\\n")
    True
    """
    match = re.search(r"^# allowed_hosts =(.*)$", sample, re.MULTILINE)
    hosts = {host.strip() for host in match.group(1).split(",")} if match else {"?"}
    return hosts <= {"", "localhost", "127.0.0.1", "[::1]", "::1", ".localhost"}


def names_in(etc: Path, app: str) -> List[str]:
    """Return the options that ``<etc>/<app>.ini`` and ``<etc>/conf.d/*.ini`` set, sorted."""
    found: Set[str] = set()
    for path in [etc / f"{app}.ini", *sorted((etc / "conf.d").glob("*.ini"))]:
        try:
            found |= names(path.read_text(encoding="utf-8-sig", errors="replace"))
        except FileNotFoundError:
            continue
    return sorted(found)


def fill(sample: str) -> str:
    """Return a sample with a key of its own wherever one is to be generated."""
    import secrets  # slow to load, and rarely needed

    while GENERATE in sample:
        sample = sample.replace(GENERATE, secrets.token_urlsafe(50), 1)
    return sample


def environment_name(option: str) -> str:
    """Return the environment's name of an option.

    >>> environment_name("[django] secret_key"), environment_name("[database] url")
    ('SECRET_KEY', 'DATABASE_URL')
    """
    section, _, name = option.strip("[").partition("] ")
    return (name if section == "django" else f"{section}_{name}").upper().replace("-", "_")


def missing_keys(
    required: Sequence[str],
    project: str,
    keys: Sequence[str],
    env: Optional[Dict[str, str]] = None,
) -> List[str]:
    """Return the required options of a project that neither ``keys`` nor ``env`` sets."""
    prefix = project.upper().replace("-", "_") + "_"
    names = env or {}
    return [
        key
        for key in required
        if key not in keys
        and environment_name(key) not in names
        and prefix + environment_name(key) not in names
    ]
