"""What a host lacks for a release, from its facts (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django_deploykit.runtime.base.machine import target_problem
from django_deploykit.runtime.base.option_names import missing_keys
from django_deploykit.runtime.bundle.manifest import Layer, Manifest
from django_deploykit.runtime.wire.facts import HostFacts

_SKEW = 12 * 3600.0  # seconds; certificates and cookies fail beyond a day
_SPARE = 64 << 20  # bytes that a host keeps free for its own life


@dataclass(frozen=True)
class Facts(HostFacts):
    """The facts of a host, with the name that it has in the inventory."""

    host: str = ""

    @classmethod
    def of(cls, host: str, facts: HostFacts) -> Facts:
        """Return what a host answered, with its name."""
        return cls(**vars(facts), host=host)


def missing(manifest: Manifest, facts: Facts) -> tuple[Layer, ...]:
    """Return the layers that the host lacks, in the manifest's order."""
    return tuple(layer for layer in manifest.layers if layer.sha256 not in facts.layers)


def refusals(
    manifest: Manifest,
    facts: Facts,
    *,
    setup_needed: bool,
    now: float,
    signed: bool = True,
    wanted: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Yield every reason why this bundle cannot go to this host.

    ``wanted`` is what deploykit.ini says of the host's site, of which setup wrote down its own.
    """
    if setup_needed and not facts.setup:
        yield "is not set up: run `manage.py release ENVIRONMENT --setup` once"
    if not facts.python:
        yield f"has no Python {manifest.python}"
    problem = target_problem(manifest.platform, manifest.glibc, facts.platform, facts.glibc)
    if problem:
        yield problem
    if facts.setup:
        yield from _room(manifest, facts)
        lacking = missing_keys(manifest.required, manifest.project, facts.keys)
        if lacking:
            yield f"lacks {', '.join(lacking)} in {_configuration(manifest, facts)}: fill it in there"
        yield from _outdated(manifest, facts, wanted or {})
    if facts.asks and not signed:
        yield "asks for signatures, and this bundle has none: manage.py bundle --sign KEY"
    if abs(facts.clock - now) > _SKEW:
        yield f"its clock is wrong by {abs(facts.clock - now) / 3600:.0f} hours"


def _configuration(manifest: Manifest, facts: Facts) -> str:
    """Return the INI file that operations edit on the host."""
    folder = json.loads(facts.site or "{}").get("etc") or f"/etc/{manifest.project}"
    return f"{folder}/{manifest.project}.ini"


def _outdated(manifest: Manifest, facts: Facts, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield what only ``--setup`` can bring up to date."""
    if facts.drift:
        yield f"its units are not those of this version ({', '.join(facts.drift)}): run --setup"
    site = json.loads(facts.site or "{}")
    differing = [key for key, value in wanted.items() if site.get(key, value) != value]
    if differing:
        pairs = ", ".join(f"{key} {site[key]!r} there" for key in differing)
        yield f"it was set up otherwise than deploykit.ini says ({pairs}): run --setup"
    names = [one.name for one in manifest.processes if one.name != "release"]
    roles = wanted.get("roles") or site.get("roles") or names
    lacking = [name for name in names if name in roles and name not in (facts.processes or names)]
    if lacking:
        yield f"it has no unit for {', '.join(lacking)} of the Procfile: run --setup"


def _room(manifest: Manifest, facts: Facts) -> Iterator[str]:
    layers = missing(manifest, facts)
    needed = sum(layer.size for layer in layers) + _SPARE
    if facts.free < needed:
        yield f"its disk has {facts.free >> 20} MiB left and {needed >> 20} MiB are needed"
    files = 2 * sum(layer.files for layer in manifest.layers)
    if facts.inodes is not None and facts.inodes < files:
        yield f"its disk has {facts.inodes} inodes left and {files} are needed"
