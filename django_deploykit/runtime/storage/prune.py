"""Prunes old releases, and the layers that no remaining release uses."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Set

from ..base.errors import DeployKitError
from ..base.files import entries, is_temporary
from ..base.names import release_in, valid_release_id
from ..base.opening import open_folder
from ..base.site import Site, live_release
from ..bundle.manifest import Manifest
from ..wire.journal import last_good, read_journal, successes
from ..wire.releasing import PruneResult
from . import layers as store
from . import receive, shared
from .virtualenv import load_release

_OWN = ("releases", "store", "shared", "inbox")  # folders that verbs make temporary folders in
_RUNTIMES = 3  # runtime archives that are kept even if unused
_UNUSED = 24 * 3600  # seconds after which unused ones are removed; no verb runs that long


def staged_releases(site: Site) -> List[str]:
    """Return the ids of the releases on this host, sorted, so that the oldest commit is first."""
    try:
        handle = open_folder(str(site.root), site.releases.name)
    except FileNotFoundError:
        return []
    try:
        names = os.listdir(handle)
    finally:
        os.close(handle)
    return sorted(name for name in names if valid_release_id(name))


def remove(paths: Sequence[Path]) -> None:
    """Remove files and folders."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            store.remove_tree(path)
        else:
            path.unlink(missing_ok=True)


def remove_inbox(inbox: Path) -> None:
    """Remove received manifests and signatures."""
    remove([inbox])


def remove_in_background(paths: Sequence[Path]) -> None:
    """Remove files and folders in a process of low priority, without waiting for it.

    A release has thousands of files, so this would take long. If the process dies,
    :func:`sweep_leftovers` removes the rest.
    """
    if paths:
        # The shell exits at once, so this process does not have to reap the background process.
        script = 'nice -n 19 rm -rf -- "$@" </dev/null >/dev/null 2>&1 &'
        subprocess.run(["/bin/sh", "-c", script, "sh", *map(str, paths)], start_new_session=True)


def prune(
    site: Site,
    also: Optional[str] = None,
    remove: Callable[[Sequence[Path]], None] = remove,
) -> PruneResult:
    """Remove releases beyond ``keep`` and layers that no release uses; ``also`` is always kept.

    Everything is moved away first; ``remove`` then gets the new paths.
    """
    records = read_journal(site.journal)
    here = staged_releases(site)
    live = live_release(site)
    protected = [one for one in (live, last_good(records, live, here), also) if one]
    stay = releases_to_keep(successes(records), here, protected, site.keep)
    removed = [release for release in here if release not in stay]
    for release in removed:
        _move_away(site.releases / release)
    layers = sweep_layers(site.store, used_layers(site, stay))
    sweep_shared(site, stay)
    sweep_traces(site, stay)
    sweep_runtimes(entries(site.root, "runtime"))
    remove(leftovers(site))
    receive.remove_parts(site.store)
    remove_inbox(site.root / "inbox")
    return PruneResult(tuple(removed), tuple(stay), layers)


def used_layers(site: Site, releases: List[str]) -> Set[str]:
    """Return the digests of the layers that these releases use."""
    digests: Set[str] = set()
    for release in releases:
        try:
            digests |= {layer.sha256 for layer in load_release(site.releases / release).layers}
        except DeployKitError:
            continue
    return digests


def sweep_layers(folder: Path, keep: Set[str]) -> int:
    """Remove the layers of a store that are not in ``keep``; return how many were removed."""
    gone = [digest for digest in store.stored_digests(folder) if digest not in keep]
    for digest in gone:
        store.remove(folder, digest)
    return len(gone)


def sweep_shared(site: Site, releases: List[str]) -> None:
    """Move away the shared folders that no release uses; do nothing if a manifest is damaged."""
    used: Set[str] = set()
    for release in releases:
        try:
            used |= shared.names_of(site.releases / release, load_release(site.releases / release))
        except DeployKitError:
            return
    for path in entries(site.root, "shared"):
        if path.name.startswith(".") or path.name.partition(".")[0] in used:
            continue
        if path.is_dir() and not path.is_symlink():
            _move_away(path)
        else:
            path.unlink()


def sweep_traces(site: Site, releases: List[str]) -> None:
    """Remove the logs and check results of removed releases."""
    for path in (*entries(site.root, "log"), *entries(site.root, "checked")):
        release = release_in(path.name)
        if release and release not in releases:
            path.unlink()


def sweep_runtimes(paths: Sequence[Path]) -> None:
    """Remove runtime archives that were not used for a day, except the newest few.

    The daemon of ``local`` may run from a removed one: it imported everything at its start.
    """
    archives = [path for path in paths if path.suffix == ".pyz"]
    found = sorted(((path.lstat().st_mtime, path) for path in archives), reverse=True)
    for at, path in found[_RUNTIMES:]:
        if time.time() - at > _UNUSED:
            path.unlink()


def leftovers(site: Site) -> List[Path]:
    """Return the files and folders left by killed processes, except partial archives.

    A later transfer resumes partial archives. The caller must hold the site's lock; otherwise a
    file may belong to a running process.
    """
    own = [path for name in _OWN for path in entries(site.root, name)]
    found = [path for path in own if path.name.startswith(".")]
    found += filter(is_temporary, (*entries(site.root, ""), *entries(site.root, "checked")))
    return [path for path in found if not path.name.startswith(".part-")]


def sweep_leftovers(site: Site) -> None:
    """Remove the files and folders left by killed processes."""
    remove(leftovers(site))


def reclaimable(site: Site) -> int:
    """Return the number of bytes that the next release frees before it needs space."""
    return sum(_own_bytes(str(path)) for path in leftovers(site))


def _own_bytes(path: str) -> int:
    """Return the bytes freed by removing a file or tree, which another process may be removing."""
    inside = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    size = 0
    with suppress(RecursionError):  # no release has folders that are nested so deeply
        for name in (path, *inside):
            with suppress(OSError):
                status = os.lstat(name)
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                    size += status.st_blocks * 512
    return size


def is_staged(site: Site, release: str) -> bool:
    """Whether a release is staged; one with a damaged manifest (power failure) is removed."""
    target = site.releases / release
    if not target.exists():
        return False
    try:
        load_release(target)
    except DeployKitError:
        if live_release(site) == release:
            raise
        discard(target)
        return False
    return True


def discard(folder: Path) -> None:
    """Remove a release; it is moved away first, so that no process sees a part of it."""
    store.remove_tree(_move_away(folder))


def _move_away(folder: Path) -> Path:
    """Move a release to a temporary name, which is one of the :func:`leftovers`."""
    grave = Path(tempfile.mkdtemp(prefix=".gone-", dir=folder.parent))
    os.rename(folder, grave / folder.name)
    return grave


def iter_manifests(site: Site, releases: Sequence[str]) -> Iterator[Manifest]:
    """Yield the manifests of staged releases; unreadable ones are left out."""
    for release in releases:
        try:
            yield load_release(site.releases / release)
        except DeployKitError:
            continue


def releases_to_keep(
    order: Sequence[str], staged: Sequence[str], protected: Sequence[str], keep: int
) -> List[str]:
    """Return the staged releases to keep: the last ``keep`` that went live, and the protected ones.

    ``order`` lists the releases that went live, the latest last. Releases that never went live do
    not count and are not kept.

    >>> releases_to_keep(["a", "b", "c"], ["a", "b", "c", "x"], ["c"], 2)
    ['b', 'c']
    """
    last = [release for release in order if release in staged][-max(keep, 1) :]
    return [release for release in staged if release in last or release in protected]
