"""Builds a release from the store; no file that was changed since it was verified is used."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

from ..base.errors import Problems
from ..base.machine import validate_target
from ..base.site import Site, checked_path, live_release
from ..base.workers import Background
from ..bundle.manifest import INTERPRETER_FOLDER, Manifest, ManifestError
from ..storage import identity, layers, prune, shared
from ..storage.hashed import link_hashed_of
from ..storage.virtualenv import load_release, stage, validate_python
from ..wire.events import Activity, Emit, HostWarning
from ..wire.releasing import StageResult

_FOLDERS = ("app", "bin", "lib", INTERPRETER_FOLDER)
_SHOWN = 20  # changed files to name, at most


def stage_release(site: Site, manifest: Manifest, emit: Emit) -> StageResult:
    """Stage a release, or return the layers that are missing or damaged in the store."""
    validate_target(manifest.platform, manifest.glibc)
    validate_python(manifest)
    target = site.releases / manifest.release_id
    digests = [one.sha256 for one in manifest.layers]
    missing = [one for one in digests if not layers.is_stored(site.store, one)]
    staged = prune.is_staged(site, manifest.release_id)
    if not missing and staged and _must_be_built_again(site, manifest):
        prune.discard(target)
    with closing(shared.Shares(site.store, manifest)) as shares:
        bad = _stage(site, manifest, shares, missing)
    for digest in bad:
        emit(Activity("damaged", digest))
        layers.remove(site.store, digest)
    if missing or bad:
        if target.exists() and live_release(site) != manifest.release_id:
            prune.discard(target)
        return StageResult(again=(*missing, *bad))
    return StageResult(manifest.release_id)


def _stage(
    site: Site, manifest: Manifest, shares: shared.Shares, missing: Sequence[str]
) -> List[str]:
    """Build the release if no layer is missing; return the layers that are damaged.

    Files are verified while they are linked. The release appears when both are done.
    """
    shares.find()
    digests = [one for one in shares.digests if one not in missing]
    found = Background(lambda: [one for one in digests if layers.is_damaged(site.store, one)])
    try:
        if not missing:
            _build(site, manifest, shares, lambda: _refuse_damaged(found.result()))
    except (_DamagedLayersError, FileNotFoundError, ManifestError):
        bad = found.result() or _with_damaged_lists(site, manifest)
        if not bad:
            raise
        return bad
    return found.result()


def _with_damaged_lists(site: Site, manifest: Manifest) -> List[str]:
    digests = [one.sha256 for one in manifest.layers]
    return [
        one
        for one in digests
        if layers.is_stored(site.store, one) and layers.has_damaged_list(site.store, one)
    ]


def _must_be_built_again(site: Site, manifest: Manifest) -> bool:
    """Return whether the release that is staged is another, or its files were changed."""
    target = site.releases / manifest.release_id
    if load_release(target) != manifest:
        return True
    if live_release(site) == manifest.release_id:
        return False  # its processes still need the files
    return not is_untouched(site, manifest) and bool(
        shared.changed_files(target, site.store, manifest)
    )


def is_untouched(site: Site, manifest: Manifest) -> bool:
    """Whether no file of a staged release was touched since it was verified."""
    release = site.releases / manifest.release_id
    return identity.is_untouched(*_own_files(site, manifest.release_id)) and all(
        shared.is_untouched(shared.shared_folder(site.store) / name)
        for name in shared.names_of(release, manifest)
    )


def _own_files(site: Site, release: str) -> Tuple[List[Path], Path, Path]:
    """Return the folders of a release with files of its layers, their record, and the site's."""
    folders = [site.releases / release / name for name in _FOLDERS]
    return folders, checked_path(site, release).with_suffix(".verified"), site.root


def validate_files(site: Site, manifest: Manifest, emit: Emit) -> None:
    """Raise :class:`Problems` if files of a staged release differ from its layers.

    They are read, unless none was touched since they were last verified.
    """
    if is_untouched(site, manifest):
        return
    release = manifest.release_id
    unknown = [one.name for one in manifest.layers if not layers.is_stored(site.store, one.sha256)]
    if unknown:
        names = ", ".join(unknown)
        emit(HostWarning(f"the files of {names} in {release} cannot be verified: not in the store"))
    changed = shared.changed_files(site.releases / release, site.store, manifest)
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


def _build(
    site: Site, manifest: Manifest, shares: shared.Shares, validate: Callable[[], None]
) -> None:
    """Build the release; ``validate`` runs just before it appears, and may raise an error."""
    target = site.releases / manifest.release_id
    if target.exists():
        return
    older = [
        site.releases / name for name in prune.staged_releases(site) if name != manifest.release_id
    ]

    def finish(folder: Path) -> None:
        validate()
        shares.publish()
        link_hashed_of(older, folder, manifest)

    lasting = site.supervisor == "systemd"
    stage(
        manifest,
        site.store,
        target,
        environment(site),
        lasting=lasting,
        place=shares.place,
        finish=finish,
    )
    with suppress(OSError):  # a full disk: its files will be read
        _remember(site, manifest, shares)


def _remember(site: Site, manifest: Manifest, shares: shared.Shares) -> None:
    """Record that the files of a new release are verified."""
    shares.remember()
    folders, record, top = _own_files(site, manifest.release_id)
    record.parent.mkdir(exist_ok=True)
    identity.remember(record, identity.identify(folders), top)


def environment(site: Site) -> Dict[str, str]:
    """Return the environment variables that are written into a release for its commands."""
    from ..supervisors.local_daemon import environment as plain

    return plain(site) if site.supervisor == "plain" else {}
