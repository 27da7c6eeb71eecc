"""``manage.py release``: puts a commit or a bundle live."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.errors import DeployKitError
from django_deploykit.management.concluding import conclude, show_nothing_to_do, show_plan
from django_deploykit.management.session import Session, closing, local_site
from django_deploykit.management.shell_variables import iter_notes
from django_deploykit.project import Project
from django_deploykit.project.inventory import site_values
from django_deploykit.release.execution import Errand, execute
from django_deploykit.release.prefetch import Prefetch
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.upload import Sender, fitting_signature, travelling_sizes
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.plan import Plan, iter_refusals, release_plan
from django_deploykit.runtime.deploy.readiness import Expected
from django_deploykit.runtime.wire.facts import HostFacts


def release_built(session: Session, build: Callable[[], Path]) -> int:
    """Put live the bundle that ``build`` returns; return the exit code.

    Connections to the servers are opened during the build, because both take about a second and use
    little of this machine.
    """
    if session.environment.local:
        return release(session, _timed(session, build))
    python = session.project.python or f"{sys.version_info[0]}.{sys.version_info[1]}"
    session.validate_logins()
    prefetch = Prefetch(session.transports, python)
    try:
        path = _timed(session, build)
    except BaseException:
        prefetch.close()
        raise
    return release(session, path, prefetch.transports())


def _timed(session: Session, build: Callable[[], Path]) -> Path:
    begun = time.monotonic()
    path = build()
    session.built = time.monotonic() - begun
    return path


def release(session: Session, path: Path, transports: Sequence[Transport] | None = None) -> int:
    """Put a bundle live, over ``transports`` if given; return the exit code."""
    with BundleFile(path) as bundle:
        manifest, sample = bundle.manifest, bundle.read("sample.ini")
    size, release_id = path.stat().st_size, manifest.release_id
    session.record.release, session.record.commit = release_id, manifest.commit
    session.record.size = size
    session.hook_facts |= {"release": release_id, "commit": manifest.commit, "bundle": str(path)}
    if session.environment.local:
        site = local_site(session.project, session.environment)
        for text in iter_notes(site, manifest.reads, os.environ):
            session.console.note(text)
    begun = time.monotonic()
    with closing(transports or session.transports()) as opened:
        fleet = session.fleet(opened, sample)
        facts = fleet.facts(
            manifest.python,
            lambda some: list(iter_refusals(manifest, some, expected(session, path, manifest))),
        )
        again = partial(make_plan, session, path, manifest)
        plan = again(facts)
        if session.options.plan:
            return show_plan(session, plan)
        errand = Errand(
            f"releasing {manifest.commit[:12]}",
            manifest.python,
            again,
            Sender(path, partial(known_list, session.project)),
        )
        outcome = execute(fleet, plan, errand) if plan.steps else None
        if outcome is None:
            return show_nothing_to_do(session, release_id, list(facts))
    seconds = time.monotonic() - begun
    return conclude(session, outcome, seconds, commit=manifest.commit, size=size)


def make_plan(
    session: Session, path: Path, manifest: Manifest, facts: Mapping[str, HostFacts]
) -> Plan:
    """Return the plan that puts a bundle live. Raises :class:`Problems` if a host refuses it."""
    choices = session.choices(travelling_sizes(path, list(facts.values())))
    return release_plan(manifest, facts, choices, expected(session, path, manifest))


def expected(session: Session, path: Path, manifest: Manifest) -> dict[str, Expected]:
    """Return what each host's facts are checked against, by host."""
    environment, signed = session.environment, bool(fitting_signature(path, manifest))
    if environment.local:
        return {"local": Expected("", time.time(), signed, older=session.options.older)}
    setup = f"manage.py release {environment.name} setup"
    return {
        host.name: Expected(
            setup,
            time.time(),
            signed,
            site_values(environment, host, session.project.name),
            session.options.older,
        )
        for host in environment.hosts
    }


def known_list(project: Project, digest: str) -> str | None:
    """Return a layer's file list from one of the last five bundles built here, or None."""
    for path in sorted(STORES[DEFAULT].bundles(project), reverse=True)[:5]:
        try:
            with BundleFile(path) as bundle:
                if any(layer.sha256 == digest for layer in bundle.manifest.layers):
                    return bundle.list_text(digest)
        except DeployKitError:
            continue
    return None
