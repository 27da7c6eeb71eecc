"""``manage.py release``: puts a bundle live on hosts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.errors import DeployKitError
from django_deploykit.management.engine import Build, Change
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


@contextmanager
def plan_built(session: Session, build: Build) -> Iterator[Change]:
    """Plan to put the bundle that ``build`` returns live.

    Connections to the servers are opened during the build, because both take about a second and use
    little of this machine.
    """
    if session.environment.local:
        with plan_bundle(session, _timed(session, build)) as change:
            yield change
        return
    python = session.project.python or f"{sys.version_info[0]}.{sys.version_info[1]}"
    session.validate_logins()
    prefetch = Prefetch(session.transports, python)
    try:
        path = _timed(session, build)
    except BaseException:
        prefetch.close()
        raise
    with plan_bundle(session, path, prefetch.transports()) as change:
        yield change


def _timed(session: Session, build: Build) -> Path:
    begun = time.monotonic()
    path = build()
    session.built = time.monotonic() - begun
    return path


@contextmanager
def plan_bundle(
    session: Session, path: Path, transports: Sequence[Transport] | None = None
) -> Iterator[Change]:
    """Plan to put a bundle live, over ``transports`` if given."""
    with BundleFile(path) as bundle:
        manifest, sample = bundle.manifest, bundle.read("sample.ini")
    size, begun = path.stat().st_size, time.monotonic()
    _record(session, path, manifest, size)
    with closing(transports or session.transports()) as opened:
        fleet = session.fleet(opened, sample)
        facts = fleet.facts(
            manifest.python,
            lambda some: list(iter_refusals(manifest, some, expected(session, path, manifest))),
        )
        again = partial(make_plan, session, path, manifest)
        plan = again(facts)
        sender = Sender(path, partial(known_list, session.project))
        errand = Errand(f"releasing {manifest.commit[:12]}", manifest.python, again, sender)
        yield Change(plan, lambda: execute(fleet, plan, errand), manifest.commit, size, begun)


def _record(session: Session, path: Path, manifest: Manifest, size: int) -> None:
    """Record what is released, for the report and for hooks."""
    release_id = manifest.release_id
    session.record.release, session.record.commit = release_id, manifest.commit
    session.record.size = size
    session.hook_facts |= {"release": release_id, "commit": manifest.commit, "bundle": str(path)}
    if session.environment.local:
        site = local_site(session.project, session.environment)
        for text in iter_notes(site, manifest.reads, os.environ):
            session.console.note(text)


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
