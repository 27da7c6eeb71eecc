"""Decides from a host's facts whether it can take a bundle (pure)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

from ..base.documents import Document
from ..base.hints import fewer_releases, sign_command
from ..base.machine import target_problem
from ..base.names import is_older
from ..base.option_names import missing_keys
from ..base.variables import place_of_key
from ..bundle.manifest import Layer, Manifest
from ..wire.facts import HostFacts

_SKEW = 12 * 3600.0  # seconds; certificates and cookies fail if the clock is off by a day or more
_SPARE = 64 << 20  # bytes that must stay free on a host


@dataclass(frozen=True)
class Expected:
    """The expectations that a host is checked against.

    ``setup`` is the command that sets hosts up; it is empty if a release prepares the site itself.
    ``now`` is the caller's clock. ``older`` allows a release that is older than what was live.
    ``signed`` is whether the bundle has a valid signature. ``site`` are the site's options in
    deploykit.ini.
    """

    setup: str
    now: float
    signed: bool = True
    site: Document = field(default_factory=dict)
    older: bool = False


def missing_layers(manifest: Manifest, facts: HostFacts) -> Tuple[Layer, ...]:
    """Return the layers that the host does not have, in the manifest's order."""
    return tuple(layer for layer in manifest.layers if layer.sha256 not in facts.layers)


def serves(facts: HostFacts, release: str) -> bool:
    """Return whether the host serves a release, with no switch in progress."""
    return facts.live == release and not facts.switching and release in facts.serving


def is_live(manifest: Manifest, facts: HostFacts) -> bool:
    """Return whether the host serves this release (:func:`serves`), which is complete there."""
    return serves(facts, manifest.release_id) and not missing_layers(manifest, facts)


def iter_host_problems(manifest: Manifest, facts: HostFacts, expected: Expected) -> Iterator[str]:
    """Yield each reason why this bundle cannot be released to this host."""
    if expected.setup and not facts.setup:
        yield f"is not set up: run `{expected.setup}` once"
    if not facts.python and manifest.interpreter is None:
        yield f"has no Python {manifest.python}"
    problem = target_problem(manifest.platform, manifest.glibc, facts.platform, facts.glibc)
    if problem:
        yield problem
    if facts.setup:
        yield from _space_problems(manifest, facts)
        lacking = missing_keys(manifest.required, manifest.project, facts.keys)
        if lacking:
            yield f"lacks {_places(lacking, manifest, facts)}: set it there"
        yield from _setup_problems(manifest, facts, expected)
    if facts.asks and not expected.signed:
        yield f"requires signed bundles, and this bundle is not signed. {sign_command()}"
    if facts.asks and not expected.older:
        yield from _age_problems(manifest, facts)
    if abs(facts.clock - expected.now) > _SKEW:
        yield f"its clock is wrong by {abs(facts.clock - expected.now) / 3600:.0f} hours"


def _age_problems(manifest: Manifest, facts: HostFacts) -> Iterator[str]:
    """Yield a problem if the bundle is older than what was live: a signature has no end."""
    if manifest.release_id != facts.live and is_older(manifest.release_id, facts.newest):
        yield (
            f"has had {facts.newest} live, which is newer than this bundle: roll back to a release"
            " that was live there, or use --older"
        )


def _site(facts: HostFacts) -> Document:
    site: Document = json.loads(facts.site or "{}")
    return site


def _places(keys: Sequence[str], manifest: Manifest, facts: HostFacts) -> str:
    """Return keys and the files where they belong: ``[django] debug, [mail] url in /etc/shop/shop.ini``."""
    etc = Path(_site(facts).get("etc") or f"/etc/{manifest.project}")
    found: Dict[str, List[str]] = {}
    for key in keys:
        name, _, path = place_of_key(key, etc, manifest.project).rpartition(" in ")
        found.setdefault(path, []).append(name)
    return " and ".join(f"{', '.join(names)} in {path}" for path, names in found.items())


def _setup_problems(manifest: Manifest, facts: HostFacts, expected: Expected) -> Iterator[str]:
    """Yield the problems that only setup can fix."""
    again = f"run `{expected.setup}`" if expected.setup else "set it up again"
    if facts.drift:
        yield f"its units differ from those of this version ({', '.join(facts.drift)}): {again}"
    site = _site(facts)
    differing = [key for key, value in expected.site.items() if site.get(key, value) != value]
    if differing:
        pairs = ", ".join(f"{key} is {site[key]!r}" for key in differing)
        yield f"its setup differs from deploykit.ini ({pairs} there): {again}"
    names = [one.name for one in manifest.processes if one.name != "release"]
    roles = expected.site.get("roles") or site.get("roles") or names
    units = facts.processes or names
    lacking = [name for name in names if name in roles and name not in units]
    if lacking:
        yield f"it has no unit for {', '.join(lacking)} of the Procfile: {again}"


def _space_problems(manifest: Manifest, facts: HostFacts) -> Iterator[str]:
    layers = missing_layers(manifest, facts)
    if not layers and manifest.release_id in facts.staged:
        return  # only the switch is left, which needs no more than a rollback
    needed = sum(layer.size for layer in layers) + _SPARE
    if facts.free < needed:
        text = f"its disk has {facts.free >> 20} MiB left and {needed >> 20} MiB are needed"
        yield f"{text}: free some, or {fewer_releases()}"
    files = 2 * sum(layer.files for layer in manifest.layers)
    if facts.inodes is not None and facts.inodes < files:
        yield f"its disk has {facts.inodes} inodes left and {files} are needed"
