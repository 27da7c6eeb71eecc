"""The store: extracted layers by digest, shared by every release through hard links.

``<store>/<digest>/`` is a layer's tree and ``<store>/<digest>.json`` its list. Both appear whole, by
a rename, the tree first: where the list is, the layer is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

from .bundlefile import BundleFile, Content
from .errors import DeployKitError
from .manifest import FileEntry, Layer, dump_list, load_list, valid_digest

File = Tuple[FileEntry, Content]


def present(store: Path) -> List[str]:
    """Return the digests of the layers that the store holds, sorted."""
    try:
        names = os.listdir(store)
    except FileNotFoundError:
        return []
    return sorted(name[:-5] for name in names if name.endswith(".json") and valid_digest(name[:-5]))


def has(store: Path, digest: str) -> bool:
    """Whether the store holds the layer."""
    return os.path.exists(os.path.join(store, digest + ".json"))


def entries_of(store: Path, digest: str) -> List[FileEntry]:
    """Return the list of a layer in the store, held to its digest."""
    return load_list((store / f"{digest}.json").read_text(encoding="utf-8"), digest)


@contextmanager
def incoming(store: Path) -> Iterator[Path]:
    """Yield a private folder in the store for a tree under construction; it is gone afterwards."""
    store.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".incoming-", dir=store))
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_files(folder: Path, files: Iterable[File]) -> None:
    """Write a tree's files with their modes, whatever the umask."""
    made = set()
    for entry, data in files:
        path = os.path.join(folder, entry.path)
        parent = os.path.dirname(path)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, entry.mode)
        with open(fd, "wb", closefd=True) as file:
            file.writelines((data,) if isinstance(data, bytes) else data)
            if os.fstat(fd).st_mode & 0o777 != entry.mode:
                os.fchmod(fd, entry.mode)


def keep(store: Path, digest: str, entries: Sequence[FileEntry], folder: Path) -> None:
    """Give a finished tree its name in the store; another process may have been faster."""
    open_folders(folder)
    target = store / digest
    if not has(store, digest) and target.exists():
        set_aside(store, digest)  # a tree without its list was cut off
    try:
        os.rename(folder, target)
    except OSError:
        if not target.is_dir():
            raise
    listing = store / f".{digest}.{os.getpid()}.json"
    listing.write_text(dump_list(entries), encoding="utf-8")
    os.replace(listing, store / f"{digest}.json")


def open_folders(folder: Path) -> None:
    """Give every folder of a tree mode 0755, whatever the umask: another user runs the code."""
    left = [str(folder)]
    while left:
        path = left.pop()
        os.chmod(path, 0o755)
        with os.scandir(path) as found:
            left += [one.path for one in found if one.is_dir(follow_symlinks=False)]


def set_aside(store: Path, digest: str) -> None:
    """Take a damaged layer out of the store; releases that link its files keep them."""
    (store / f"{digest}.json").unlink(missing_ok=True)
    tree = store / digest
    if tree.exists():
        grave = Path(tempfile.mkdtemp(prefix=".damaged-", dir=store))
        os.rename(tree, grave / digest)
        shutil.rmtree(grave, ignore_errors=True)


def extract(bundle: BundleFile, store: Path, digest: str) -> None:
    """Extract one layer of a bundle into the store; every file is verified before it is written."""
    if has(store, digest):
        return
    with incoming(store) as folder:
        tree = folder / "tree"
        tree.mkdir()
        entries = bundle.entries(digest)
        write_files(tree, bundle.files(digest, entries))
        keep(store, digest, entries, tree)


def extract_all(
    path: Path, store: Path, layers: Sequence[Layer], judge: Callable[[], None]
) -> None:
    """Extract layers on two processors; ``judge`` runs beside it and may refuse.

    A failure in either half is a failure of the whole; what was extracted whole stays, being right.
    """
    halves = balance(layers)
    child = os.fork() if halves[1] else 0
    if halves[1] and child == 0:
        os._exit(_in_child(path, store, halves[1]))
    try:
        judge()
        _extract_half(path, store, halves[0])
    finally:
        status = os.waitpid(child, 0)[1] if halves[1] else 0
    if status:
        _extract_half(path, store, halves[1])  # again, here, to raise what went wrong there


def _in_child(path: Path, store: Path, layers: Sequence[Layer]) -> int:
    try:
        _extract_half(path, store, layers)
    except BaseException:
        return 1
    return 0


def _extract_half(path: Path, store: Path, layers: Sequence[Layer]) -> None:
    with BundleFile(path) as bundle:
        for layer in layers:
            extract(bundle, store, layer.sha256)


def balance(layers: Sequence[Layer]) -> Tuple[List[Layer], List[Layer]]:
    """Split layers into two halves of about the same work: bytes, and a price for each file."""
    halves: Tuple[List[Layer], List[Layer]] = ([], [])
    load = [0, 0]
    for layer in sorted(layers, key=lambda one: (-_work(one), one.sha256)):
        lighter = 0 if load[0] <= load[1] else 1
        halves[lighter].append(layer)
        load[lighter] += _work(layer)
    return halves


def _work(layer: Layer) -> int:
    return layer.size + 8192 * layer.files


def damaged(store: Path, digest: str) -> List[str]:
    """Return the paths of a layer in the store whose bytes or modes are not what is listed."""
    tree = os.path.join(store, digest)
    return [entry.path for entry in entries_of(store, digest) if not matches(tree, entry)]


def matches(tree: str, entry: FileEntry) -> bool:
    """Whether the file below ``tree`` is the listed one, a regular file of that mode and content."""
    path = os.path.join(tree, entry.path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if status.st_size != entry.size or (status.st_mode & 0o111 != 0) != (entry.mode == 0o755):
            return False
        return hashlib.sha256(file.read()).hexdigest() == entry.sha256


def judge_space(folder: Path, needed: int, inodes: int) -> None:
    """Refuse where the disk cannot take ``needed`` bytes and ``inodes`` files."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise DeployKitError(
            f"the disk of {folder} has {free >> 20} MiB left and {needed >> 20} MiB are needed",
            "Free some space, or lower `keep`.",
        )
    if status.f_files and status.f_favail < inodes:
        raise DeployKitError(
            f"the disk of {folder} has {status.f_favail} inodes left and {inodes} are needed"
        )
