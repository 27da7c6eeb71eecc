"""Plans as data: the steps of a release, a rollback, a setup or an install by hand.

``--plan`` prints the steps, ``--json`` writes them, and :func:`walk` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..base.errors import Problems
from ..base.sizes import in_bytes
from ..bundle.manifest import Manifest
from ..wire.facts import HostFacts
from .readiness import Expected, is_live, iter_host_problems, missing_layers

REFUSED = "nothing was changed; this release cannot go to these hosts:"
HOOKS = ("before_migrate", "after_migrate", "before_switch", "after_switch")


@dataclass(frozen=True)
class Step:
    """One stage, run in parallel on ``hosts``; without hosts, where the command was started.

    ``details`` maps a host to what is special about it, ``bytes`` to the most bytes sent to it.
    ``release`` is the id that a switch leads to.
    """

    kind: str
    hosts: Tuple[str, ...]
    what: str
    details: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    release: str = ""

    def as_json(self) -> Dict[str, object]:
        """Return the step as data for JSON."""
        return {
            "kind": self.kind,
            "hosts": list(self.hosts),
            "what": self.what,
            "details": {host: list(lines) for host, lines in self.details.items()},
            "bytes": dict(self.bytes),
            "release": self.release,
        }

    def lines(self) -> Iterator[str]:
        """Yield the step as lines of text; hosts with the same details share a line."""
        groups: Dict[Tuple[str, ...], List[str]] = {}
        for host in self.hosts or ("this machine",):
            size = [in_bytes(self.bytes[host])] if self.bytes.get(host) else []
            groups.setdefault((*self.details.get(host, ()), *size), []).append(host)
        for details, hosts in groups.items():
            short = len(details) <= 2
            more = f" ({', '.join(details)})" if details and short else ""
            yield f"{self.kind:<14} {', '.join(hosts)}: {self.what}{more}"
            if not short:
                yield from (f"  {line}" for line in details)


@dataclass(frozen=True)
class Plan:
    """The steps of one action, in order; none if there is nothing to do.

    ``release`` is the id of the release that becomes live: for a rollback the first host's, for a
    setup an empty string. ``live`` maps each host to the release that was live when the plan was
    made, or None.
    """

    action: str
    release: str
    steps: Tuple[Step, ...]
    live: Mapping[str, Optional[str]]

    def hosts(self, kind: str) -> Tuple[str, ...]:
        """Return the hosts of all steps of a kind, in order."""
        return tuple(host for step in self.steps if step.kind == kind for host in step.hosts)

    def target(self, host: str) -> str:
        """Return the release that a host switches to."""
        found = (one.release for one in self.steps if one.kind == "switch" and host in one.hosts)
        return next(found, self.release)

    def split(self, kind: str) -> Tuple[Tuple[Step, ...], Tuple[Step, ...]]:
        """Return the steps up to and including the first of a kind, and the steps after it."""
        kinds = [step.kind for step in self.steps]
        place = kinds.index(kind) + 1 if kind in kinds else 0
        return self.steps[:place], self.steps[place:]

    def as_json(self) -> Dict[str, object]:
        """Return the plan as data for JSON."""
        return {
            "action": self.action,
            "release": self.release,
            "live": dict(self.live),
            "steps": [step.as_json() for step in self.steps],
        }

    def lines(self) -> List[str]:
        """Return the plan as lines of text."""
        return [line for step in self.steps for line in step.lines()]


@dataclass(frozen=True)
class Choices:
    """The environment's and the caller's choices for a plan.

    ``batches`` are groups of hosts that switch together; if empty, hosts switch one after another.
    ``migrate_on`` are the hosts that may migrate, in order; if empty, all may. ``hooks`` maps the
    name of a hook to its shell commands, ``sizes`` a layer's digest to the bytes sent for it.
    ``site`` is the required text of a local site's ``site.json``, or empty if only setup writes
    that file.
    """

    batches: Tuple[Tuple[str, ...], ...] = ()
    migrate_on: Tuple[str, ...] = ()
    hooks: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    site: str = ""


def release_plan(
    manifest: Manifest,
    facts: Mapping[str, HostFacts],
    choices: Choices,
    expected: Mapping[str, Expected],
) -> Plan:
    """Return the plan that makes a bundle live on these hosts.

    Raises :class:`Problems` with every reason why a host cannot take it.
    """
    problems = list(iter_refusals(manifest, facts, expected))
    if problems:
        raise Problems(REFUSED, problems)
    release = manifest.release_id
    live = {host: one.live for host, one in facts.items()}
    todo = {host: one for host, one in facts.items() if not is_live(manifest, one)}
    if not todo:
        return Plan("release", release, (), live)
    hosts = tuple(todo)
    steps = [
        *_prepare(todo, choices.site),
        _lock(facts),
        *_settle(todo),
        _send(manifest, todo, choices.sizes),
        Step("stage", hosts, f"build {release} beside the other releases and verify it"),
        *_upload(manifest, todo, choices),
        Step("check", hosts, "run deploy_check --server with the host's configuration"),
        Step(
            "compatibility",
            hosts,
            "refuse migrations that break running code, and code older than its database",
        ),
        *_migrate(todo, choices),
        *_hook("before_switch", choices.hooks),
        *_switches(dict.fromkeys(hosts, release), live, choices.batches),
        *_hook("after_switch", choices.hooks),
        Step("prune", hosts, "remove releases beyond `keep`"),
    ]
    return Plan("release", release, tuple(steps), live)


def iter_refusals(
    manifest: Manifest, facts: Mapping[str, HostFacts], expected: Mapping[str, Expected]
) -> Iterator[str]:
    """Yield every reason why a host cannot take a bundle."""
    for host, one in facts.items():
        for problem in iter_host_problems(manifest, one, expected[host]):
            # Most problems are predicates of the host: "web1 is not set up".
            yield f"{host}: {problem}" if problem.startswith("it") else f"{host} {problem}"


def rollback_plan(
    targets: Mapping[str, str], facts: Mapping[str, HostFacts], choices: Choices
) -> Plan:
    """Return the plan that takes each host back to its target, a release staged on that host.

    Without targets, all hosts serve the wanted release, and there is nothing to do.
    """
    live = {host: one.live for host, one in facts.items()}
    if not targets:
        return Plan("rollback", next(iter(live.values())) or "", (), live)
    steps = [
        _lock(facts),
        *_settle(facts),
        Step("compatibility", tuple(targets), "refuse code older than its database"),
        *_hook("before_switch", choices.hooks),
        *_switches(targets, live, choices.batches),
        *_hook("after_switch", choices.hooks),
    ]
    return Plan("rollback", next(iter(targets.values())), tuple(steps), live)


def lock_plan(action: str, hosts: Sequence[str]) -> Plan:
    """Return the first step of an action whose other steps are planned under the lock."""
    return Plan(action, "", (_lock(hosts),), {})


def setup_plan(changes: Mapping[str, Sequence[str]]) -> Plan:
    """Return the plan of a setup from the changes that ``setup --plan`` reported for each host."""
    details = {host: tuple(lines) for host, lines in changes.items() if lines}
    steps = (
        Step("setup", tuple(details), "make ready for releases, as root", details),
        Step("login", tuple(changes), "log in as the deploy user"),
    )
    return Plan("setup", "", steps if details else (), {})


def teardown_plan(changes: Mapping[str, Sequence[str]], data: bool) -> Plan:
    """Return the plan of a teardown from the changes that ``remove --plan`` reported for each host."""
    details = {host: tuple(lines) for host, lines in changes.items() if lines}
    what = "remove the site with its data, as root" if data else "remove the site, as root"
    return Plan(
        "teardown", "", (Step("remove", tuple(details), what, details),) if details else (), {}
    )


def _prepare(todo: Mapping[str, HostFacts], site: str) -> List[Step]:
    hosts = tuple(host for host, one in todo.items() if site and one.site != site)
    what = "make the site's folders, and its configuration from the sample"
    return [Step("prepare", hosts, what)] if hosts else []


def _lock(hosts: Iterable[str]) -> Step:
    return Step("lock", tuple(hosts), "take the deploy lock")


def _settle(facts: Mapping[str, HostFacts]) -> List[Step]:
    hosts = tuple(host for host, one in facts.items() if one.switching)
    return [Step("settle", hosts, "finish or revert an interrupted switch")] if hosts else []


def _send(manifest: Manifest, todo: Mapping[str, HostFacts], sizes: Mapping[str, int]) -> Step:
    details, total = {}, {}
    for host, one in todo.items():
        layers = missing_layers(manifest, one)
        details[host] = (f"{len(layers)} of {len(manifest.layers)} layers",)
        total[host] = sum(sizes.get(layer.sha256, layer.size) for layer in layers)
    return Step("send", tuple(todo), "send the manifest and missing layers", details, total)


def _upload(manifest: Manifest, todo: Mapping[str, HostFacts], choices: Choices) -> List[Step]:
    """Return the step that uploads static files; none if they are in a folder of the release.

    It is before the check, which asks for pages: these may need the manifest that is uploaded.
    """
    if not manifest.static_storage:
        return []
    first = next(host for host in (*choices.migrate_on, *todo) if host in todo)
    return [Step("upload", (first,), f"upload static files to {manifest.static_storage}")]


def _migrate(todo: Mapping[str, HostFacts], choices: Choices) -> List[Step]:
    """Return the steps around migrations; none if no host of the plan may migrate."""
    order = tuple(host for host in choices.migrate_on or todo if host in todo)
    if not order:
        return []
    serving = tuple(host for host, one in todo.items() if one.live or one.switching)
    again = Step("recheck", serving, "run deploy_check again if migrations ran")
    return [
        *_hook("before_migrate", choices.hooks),
        Step("migrate", order, "run pending migrations in this order, once for each database"),
        *_hook("after_migrate", choices.hooks),
        *([again] if serving else []),
    ]


def _switches(
    targets: Mapping[str, str],
    live: Mapping[str, Optional[str]],
    batches: Sequence[Sequence[str]],
) -> Iterator[Step]:
    """Yield a step for each release in each batch."""
    for batch in batches or [[host] for host in targets]:
        for release in dict.fromkeys(targets[host] for host in batch if host in targets):
            hosts = tuple(host for host in batch if targets.get(host) == release)
            details = {host: (f"{live.get(host) or 'nothing'} is live",) for host in hosts}
            what = f"start {release}, verify it, let it take over"
            yield Step("switch", hosts, what, details, release=release)


def _hook(name: str, hooks: Mapping[str, Sequence[str]]) -> List[Step]:
    commands = hooks.get(name, ())
    return [Step(name, (), f"run {'; '.join(commands)}")] if commands else []


Handler = Callable[[Step], None]


def walk(
    steps: Sequence[Step],
    handlers: Mapping[str, Handler],
    goes_on: Callable[[Sequence[Step]], bool] = lambda _: True,
) -> Tuple[Step, ...]:
    """Run each step with the handler of its kind, in order; an error ends the walk.

    After each step, ``goes_on`` gets the remaining steps. If it returns False, the walk ends and
    returns the remaining steps.
    """
    for place, step in enumerate(steps, 1):
        handlers[step.kind](step)
        left = tuple(steps[place:])
        if left and not goes_on(left):
            return left
    return ()
