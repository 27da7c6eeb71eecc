"""Pruning by success: failed attempts never push out good releases; the store keeps what is linked."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Set

from ..base.errors import DeployKitError
from ..base.names import release_in, valid_release_id
from ..base.site import Site, live_release
from ..bundle.manifest import Manifest
from ..wire.journal import last_good, read_journal, successes
from ..wire.releasing import PruneResult
from . import layers as store
from . import receive
from .virtualenv import load_release

_RUNTIMES = 3  # archives of the runtime that stay, however long ago they were used
_UNUSED = 24 * 3600  # seconds after which the others go: no verb runs as long


def staged(site: Site) -> List[str]:
    """Return the releases on this host, the oldest commit first."""
    try:
        names = os.listdir(site.releases)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if valid_release_id(name))


def remove(paths: Sequence[Path]) -> None:
    """Remove files and folders."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def remove_later(paths: Sequence[Path]) -> None:
    """Remove files and folders in a process that nobody waits for; what it leaves is unfinished.

    A release has thousands of files, and who made another one live wants to know that it is.
    """
    if not paths:
        return
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(nothing, number)
            os.closerange(3, 1024)  # locks among them
            os.nice(19)
            remove(paths)
    finally:
        os._exit(0)


def prune(
    site: Site,
    also: Optional[str] = None,
    remove: Callable[[Sequence[Path]], None] = remove,
) -> PruneResult:
    """Remove releases beyond ``keep`` and layers that no release uses; ``also`` stays in any case.

    ``remove`` gets what is out of its place already.
    """
    records = read_journal(site.journal)
    here = staged(site)
    live = live_release(site)
    protected = [one for one in (live, last_good(records, live, here), also) if one]
    stay = kept(successes(records), here, protected, site.keep)
    removed = [release for release in here if release not in stay]
    for release in removed:
        _put_aside(site.releases / release)
    layers = sweep(site.store, used(site, stay))
    sweep_traces(site, stay)
    sweep_runtimes(site.root / "runtime")
    remove(unfinished(site))
    receive.forget_parts(site.store)
    receive.forget_inbox(site.root / "inbox")
    return PruneResult(tuple(removed), tuple(stay), layers)


def used(site: Site, releases: List[str]) -> Set[str]:
    """Return the digests of the layers of these releases and of those being received."""
    digests: Set[str] = set()
    for release in releases:
        try:
            digests |= {layer.sha256 for layer in load_release(site.releases / release).layers}
        except DeployKitError:
            continue
    return digests


def sweep(folder: Path, keep: Set[str]) -> int:
    """Remove the layers of a store that are not in ``keep``; returns how many."""
    gone = [digest for digest in store.present(folder) if digest not in keep]
    for digest in gone:
        store.set_aside(folder, digest)
    return len(gone)


def sweep_traces(site: Site, releases: List[str]) -> None:
    """Remove the logs of releases that are gone, and what their checks left."""
    for path in (*(site.root / "log").glob("*"), *(site.root / "checked").glob("*")):
        release = release_in(path.name)
        if release and release not in releases:
            path.unlink()


def sweep_runtimes(folder: Path) -> None:
    """Remove archives of the runtime that nobody used for long, but for the last few.

    A keeper may run from one that goes: it imported all that it needs when it started.
    """
    found = sorted(((path.stat().st_mtime, path) for path in folder.glob("*.pyz")), reverse=True)
    for at, path in found[_RUNTIMES:]:
        if time.time() - at > _UNUSED:
            path.unlink()


def unfinished(site: Site) -> List[Path]:
    """Return what processes that died left behind, but for what came in part: that goes on from there.

    Whoever asks is alone with the site (``lock.alone``): nothing of it belongs to a living process.
    """
    found = [path for folder in (site.releases, site.store) for path in folder.glob(".*")]
    found += [*site.root.glob(".current-*"), *(site.root / "inbox").glob(".*")]
    return [path for path in found if not path.name.startswith(".part-")]


def sweep_unfinished(site: Site) -> None:
    """Remove what processes that died left behind."""
    remove(unfinished(site))


def reclaimable(site: Site) -> int:
    """Return the bytes that the next release frees before it needs room."""
    return sum(_own_bytes(str(path)) for path in unfinished(site))


def _own_bytes(path: str) -> int:
    """Return the bytes that go with a file or tree; another release may be removing it just now."""
    inside = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    size = 0
    for name in (path, *inside):
        with suppress(OSError):
            status = os.lstat(name)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                size += status.st_blocks * 512
    return size


def whole(site: Site, release: str) -> bool:
    """Whether a release is staged; one whose manifest a power cut tore is not, and goes."""
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
    """Remove a release: out of its place first, so that no half of it is ever seen."""
    shutil.rmtree(_put_aside(folder), ignore_errors=True)


def _put_aside(folder: Path) -> Path:
    """Take a release out of its place; what is returned counts as unfinished."""
    grave = Path(tempfile.mkdtemp(prefix=".gone-", dir=folder.parent))
    os.rename(folder, grave / folder.name)
    return grave


def manifests(site: Site) -> List[Manifest]:
    """Return the manifests of the staged releases that can be read."""
    found = []
    for release in staged(site):
        try:
            found.append(load_release(site.releases / release))
        except DeployKitError:
            continue
    return found


def kept(
    order: Sequence[str], staged: Sequence[str], protected: Sequence[str], keep: int
) -> List[str]:
    """Return which staged releases stay: the last ``keep`` that went live, and the protected ones.

    ``order`` are the releases that went live, the last one last. Attempts that never went live do
    not count and do not stay.

    >>> kept(["a", "b", "c"], ["a", "b", "c", "x"], ["c"], 2)
    ['b', 'c']
    """
    last = [release for release in order if release in staged][-max(keep, 1) :]
    return [release for release in staged if release in last or release in protected]
