"""The plan of a release: what will be done, host by host, as data. What is shown is what is done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django_deploykit.errors import Problems
from django_deploykit.progress import in_bytes
from django_deploykit.release.facts import Facts, missing, refusals
from django_deploykit.runtime.bundle.manifest import Manifest

REFUSED = "nothing was changed; this release cannot go there:"
KINDS = ("prepare", "settle", "send", "stage", "check", "migrate", "switch", "prune")


@dataclass(frozen=True)
class Step:
    """One thing done on one host; ``bytes`` is what a ``send`` moves at most."""

    kind: str
    host: str
    what: str
    bytes: int = 0


@dataclass(frozen=True)
class Plan:
    """The steps of a release in order; none where there is nothing to do."""

    release: str
    steps: tuple[Step, ...]
    live: Mapping[str, str | None]

    def hosts(self, kind: str) -> tuple[str, ...]:
        """Return the hosts that have a step of that kind."""
        return tuple(step.host for step in self.steps if step.kind == kind)

    def as_json(self) -> dict[str, Any]:
        """Return the plan for machines."""
        return {
            "release": self.release,
            "live": dict(self.live),
            "steps": [asdict(step) for step in self.steps],
        }


def make_plan(
    manifest: Manifest,
    facts: Sequence[Facts],
    sizes: Mapping[str, int],
    migrating: Sequence[str],
    *,
    site: str = "",
    sites: Mapping[str, Mapping[str, Any]] | None = None,
    now: float | None = None,
    signed: bool = True,
) -> Plan:
    """Return the plan, or raise :class:`Problems` with every refusal of every host.

    ``sizes`` are the bytes that each layer travels with; ``migrating`` the hosts that may migrate;
    ``site`` is what a ``local`` site's ``site.json`` should say, empty for servers, where only
    ``--setup`` writes it; ``sites`` is what deploykit.ini says of the servers' sites, by host.
    """
    problems = all_refusals(manifest, facts, site=site, sites=sites, now=now, signed=signed)
    if problems:
        raise Problems(REFUSED, problems)
    todo = [one for one in facts if not is_live(manifest, one)]
    steps: list[Step] = []
    for kind in KINDS:
        for one in todo:
            if kind == "prepare" and site and one.site != site:
                what = "make the site's folders and its configuration from the sample"
                steps.append(Step(kind, one.host, what))
            steps.extend(_steps(kind, manifest, one, sizes, migrating))
    return Plan(manifest.release_id, tuple(steps), {one.host: one.live for one in facts})


def all_refusals(
    manifest: Manifest,
    facts: Sequence[Facts],
    *,
    site: str = "",
    sites: Mapping[str, Mapping[str, Any]] | None = None,
    now: float | None = None,
    signed: bool = True,
) -> list[str]:
    """Return every refusal of every host, as :func:`make_plan` takes them, a line each."""
    moment = time.time() if now is None else now
    return [
        f"{one.host} {problem}"
        for one in facts
        for problem in refusals(
            manifest,
            one,
            setup_needed=not site,
            now=moment,
            signed=signed,
            wanted=(sites or {}).get(one.host),
        )
    ]


def is_live(manifest: Manifest, facts: Facts) -> bool:
    """Whether the host serves this very release, whole and undisturbed."""
    return (
        facts.live == manifest.release_id
        and not facts.switching
        and facts.live in facts.serving
        and not missing(manifest, facts)
    )


def _steps(
    kind: str, manifest: Manifest, facts: Facts, sizes: Mapping[str, int], migrating: Sequence[str]
) -> list[Step]:
    release, host = manifest.release_id, facts.host
    if kind == "settle" and facts.switching:
        return [Step(kind, host, "finish or revert a switch that was interrupted")]
    if kind == "send":
        layers = missing(manifest, facts)
        size = sum(sizes.get(layer.sha256, layer.size) for layer in layers)
        if layers:
            return [Step(kind, host, f"send {len(layers)} of {len(manifest.layers)} layers", size)]
        return [Step(kind, host, "send the manifest; every layer is there")]
    if kind == "migrate" and host not in migrating:
        return []
    what = {
        "stage": f"build {release} beside the others and verify it",
        "check": "run deploy_check --server with the host's configuration, and list migrations",
        "migrate": "run the migrations that are pending, once for each database",
        "switch": f"start {release}, verify it, let it take over from {facts.live or 'nothing'}",
        "prune": "remove releases beyond `keep`",
    }
    return [Step(kind, host, what[kind])] if kind in what else []


def in_words(plan: Plan) -> list[str]:
    """Return the plan's lines for a person, steps that all hosts share on one line."""
    lines = []
    for kind in KINDS:
        steps = [step for step in plan.steps if step.kind == kind]
        for what in dict.fromkeys((step.what, step.bytes) for step in steps):
            hosts = [step.host for step in steps if (step.what, step.bytes) == what]
            size = f" ({in_bytes(what[1])})" if what[1] else ""
            lines.append(f"{kind:<8} {', '.join(hosts)}: {what[0]}{size}")
    return lines
