"""Builds a release from the store; every file is hashed again before the release appears."""

from __future__ import annotations

from typing import Callable, Dict, List

from ..base.errors import Problems
from ..base.machine import validate_target
from ..base.site import Site, live_release
from ..base.workers import Background
from ..bundle.manifest import Manifest
from ..storage import layers, prune
from ..storage.virtualenv import changed_files, load_release, require_python, stage
from ..wire.events import Activity, Emit, HostWarning
from ..wire.releasing import StageResult

_SHOWN = 20  # changed files to name, at most


def stage_release(site: Site, manifest: Manifest, emit: Emit) -> StageResult:
    """Stage a release, or return the layers that are missing or damaged in the store."""
    validate_target(manifest.platform, manifest.glibc)
    require_python(manifest.python)
    target = site.releases / manifest.release_id
    missing = [
        one.sha256 for one in manifest.layers if not layers.is_stored(site.store, one.sha256)
    ]
    digests = [one.sha256 for one in manifest.layers if one.sha256 not in missing]
    if not missing and target.exists() and _must_be_built_again(site, manifest):
        prune.discard(target)
    # Files are hashed while they are linked. The release appears when both are done.
    found = Background(lambda: [one for one in digests if layers.damaged_files(site.store, one)])
    try:
        if not missing:
            _build(site, manifest, lambda: _refuse_damaged(found.result()))
    except (_DamagedLayersError, FileNotFoundError):
        if not found.result():
            raise
    bad = found.result()
    for digest in bad:
        emit(Activity("damaged", digest))
        layers.remove(site.store, digest)
    if missing or bad:
        if target.exists() and live_release(site) != manifest.release_id:
            prune.discard(target)
        return StageResult(again=(*missing, *bad))
    return StageResult(manifest.release_id)


def _must_be_built_again(site: Site, manifest: Manifest) -> bool:
    """Return whether the release that is staged is another, or its files were changed."""
    target = site.releases / manifest.release_id
    if load_release(target) != manifest:
        return True
    if live_release(site) == manifest.release_id:
        return False  # its processes still need the files
    return bool(changed_files(target, site.store, manifest))


def validate_files(site: Site, manifest: Manifest, emit: Emit) -> None:
    """Raise :class:`Problems` if files of a staged release differ from its layers."""
    release = manifest.release_id
    unknown = [one.name for one in manifest.layers if not layers.is_stored(site.store, one.sha256)]
    if unknown:
        names = ", ".join(unknown)
        emit(HostWarning(f"the files of {names} in {release} cannot be verified: not in the store"))
    changed = changed_files(site.releases / release, site.store, manifest)
    if changed:
        more = [f"and {len(changed) - _SHOWN} more"] if len(changed) > _SHOWN else []
        raise Problems(
            f"nothing was switched; files of {release} differ from what was released:",
            [*changed[:_SHOWN], *more],
            f"Release its commit again, which replaces them: {manifest.commit[:12]}",
        )


class _DamagedLayersError(Exception):
    """Files in the store differ from the layer's list."""


def _refuse_damaged(digests: List[str]) -> None:
    if digests:
        raise _DamagedLayersError


def _build(site: Site, manifest: Manifest, validate: Callable[[], None]) -> None:
    """Build the release; ``validate`` runs just before it appears, and may raise an error."""
    target = site.releases / manifest.release_id
    older = [
        site.releases / name for name in prune.staged_releases(site) if name != manifest.release_id
    ]
    lasting = site.supervisor == "systemd"
    stage(
        manifest,
        site.store,
        target,
        environment(site),
        older if manifest.static_root else (),
        lasting=lasting,
        validate=validate,
    )


def environment(site: Site) -> Dict[str, str]:
    """Return the environment variables that are written into a release for its commands."""
    from ..supervisors.local_daemon import environment as plain

    return plain(site) if site.supervisor == "plain" else {}
