"""The store: extracted layers by digest, shared by every release through hard links.

``<store>/<digest>/`` is a layer's tree and ``<store>/<digest>.json`` its list. Both appear whole, by
a rename, the tree first: where the list is, the layer is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Callable, Dict, Generator, Iterable, Iterator, List, Optional, Sequence, Tuple

from ..base.errors import DeployKitError
from ..base.files import write_and_replace
from ..base.names import valid_digest
from ..base.workers import Aside
from ..bundle.manifest import FileEntry, Layer, dump_list, load_list
from ..bundle.reader import BundleFile, Content

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


def private_folder(parent: Path, prefix: str) -> Path:
    """Make a folder that nobody else has, for this user alone; ``tempfile`` takes long to load."""
    path = parent / f"{prefix}{os.urandom(6).hex()}"
    path.mkdir(mode=0o700)
    return path


@contextmanager
def incoming(store: Path) -> Iterator[Path]:
    """Yield a private folder in the store for a tree under construction; it is gone afterwards."""
    store.mkdir(parents=True, exist_ok=True)
    folder = private_folder(store, ".incoming-")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_files(folder: Path, files: Iterable[File]) -> None:
    """Write a tree's files with their modes, and folders with mode 0755, whatever the umask."""
    folders = Folders(str(folder))
    exact: Dict[int, bool] = {}  # by mode: whether a file gets it from the start
    for entry, data in files:
        folders.make(entry.path.rpartition("/")[0])
        path = f"{folders.top}/{entry.path}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, entry.mode)
        try:
            for piece in (data,) if isinstance(data, bytes) else data:
                _write_whole(fd, piece)
            if entry.mode not in exact:  # the umask and the folder's rules are the same for all
                exact[entry.mode] = os.fstat(fd).st_mode & 0o777 == entry.mode
            if not exact[entry.mode]:
                os.fchmod(fd, entry.mode)
        finally:
            os.close(fd)


class Folders:
    """The folders of a tree under construction, made with mode 0755: another user runs the code."""

    def __init__(self, top: str) -> None:
        self.top = top
        self._made = {""}
        self._exact: Optional[bool] = None  # whether a folder gets the mode from the start
        os.chmod(top, 0o755)

    def make(self, path: str) -> None:
        """Make a folder, named relative to the top, and those above it, where they are not there."""
        if path in self._made:
            return
        self.make(path.rpartition("/")[0])
        whole = f"{self.top}/{path}"
        try:
            os.mkdir(whole)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(whole).st_mode):
                raise
        if self._exact is None:
            self._exact = os.stat(whole).st_mode & 0o777 == 0o755
        if not self._exact:
            os.chmod(whole, 0o755)
        self._made.add(path)


def _write_whole(fd: int, data: bytes) -> None:
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, data[done:])


def keep(
    store: Path, digest: str, entries: Sequence[FileEntry], folder: Path, text: str = ""
) -> None:
    """Give a finished tree its name in the store; another process may have been faster.

    ``text`` is the layer's list, where the caller has it as it is written.
    """
    target = store / digest
    if not has(store, digest) and target.exists() and _unlike(target, entries):
        set_aside(store, digest)  # a tree without its list was cut off
    try:
        os.rename(folder, target)
    except OSError:
        if not target.is_dir():
            raise
    write_and_replace(store / f"{digest}.json", text or dump_list(entries))


def _unlike(tree: Path, entries: Iterable[FileEntry]) -> bool:
    """Whether a tree is not the listed one. Where it is, its list is about to be written by another."""
    return not all(matches(str(tree), entry) for entry in entries)


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
        grave = private_folder(store, ".damaged-")
        os.rename(tree, grave / digest)
        shutil.rmtree(grave, ignore_errors=True)


def extract(bundle: BundleFile, store: Path, digest: str) -> None:
    """Extract one layer of a bundle into the store; every file is verified before it is written."""
    if has(store, digest):
        return
    with incoming(store) as folder:
        tree = folder / "tree"
        tree.mkdir()
        text = bundle.list_text(digest)
        entries = bundle.entries(digest, text)
        write_files(tree, bundle.files(digest, entries))
        keep(store, digest, entries, tree, text)


def extract_all(
    path: Path, store: Path, layers: Sequence[Layer], judge: Callable[[], None]
) -> None:
    """Extract layers on two processors; ``judge`` runs beside it and may refuse.

    A failure of either is a failure of the whole; what was extracted whole stays, being right.
    """
    verdict = Aside(judge)
    try:
        with BundleFile(path) as bundle:
            for _ in extracted(bundle, store, layers):
                pass
        verdict.result()
    finally:
        verdict.close()


def extracted(
    bundle: BundleFile, store: Path, layers: Sequence[Layer]
) -> Generator[Layer, None, None]:
    """Extract layers on two processors, and yield each when it is in the store.

    Two processes take them from one queue, the costly ones first. Those that the other one took
    are yielded at the end.
    """
    ordered = sorted(layers, key=lambda one: (-_work(one), one.sha256))
    queue, queued = _queue(len(ordered))
    helper = Aside(lambda: _take(bundle, store, ordered, queue)) if len(ordered) > 1 else None
    mine = set()
    try:
        for number in chain(_taken(queue), range(queued, len(ordered))):
            extract(bundle, store, ordered[number].sha256)
            mine.add(number)
            yield ordered[number]
    finally:
        for _ in _taken(queue):
            pass  # where something went wrong here, there is nothing left to do for the other one
        os.close(queue)
        if helper:
            helper.close()
    for number, layer in enumerate(ordered):
        if number not in mine:
            extract(bundle, store, layer.sha256)  # where it is not there, to raise what went wrong
            yield layer


def _take(bundle: BundleFile, store: Path, layers: Sequence[Layer], queue: int) -> None:
    for number in _taken(queue):
        extract(bundle, store, layers[number].sha256)


def _queue(count: int) -> Tuple[int, int]:
    """Return the end of a pipe that holds the numbers below ``count``, and how many found room."""
    queue, entrance = os.pipe()
    os.set_blocking(entrance, False)
    try:
        held = os.write(entrance, b"".join(number.to_bytes(4, "little") for number in range(count)))
    finally:
        os.close(entrance)
    return queue, held // 4


def _taken(queue: int) -> Iterator[int]:
    """Take numbers out of the queue until it is empty; no other process gets the same."""
    while number := os.read(queue, 4):
        yield int.from_bytes(number, "little")


def _work(layer: Layer) -> int:
    """Return about how much work a layer is: bytes, and a price for each file."""
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
