"""The store: extracted layers by digest, shared by all releases through hard links.

``<store>/<digest>/`` is a layer's tree and ``<store>/<digest>.json`` its file list. Both appear
complete, by a rename. The tree comes first, so a layer is complete if its list exists.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Callable, Dict, Generator, Iterable, Iterator, List, Optional, Sequence, Tuple

from ..base.errors import DeployKitError
from ..base.files import hash_stream, read_bytes, validate_folder, write_and_replace
from ..base.names import valid_digest
from ..base.opening import open_folder, open_regular
from ..base.workers import Background
from ..bundle.manifest import FileEntry, Layer, ManifestError, dump_list, load_list
from ..bundle.reader import BundleFile, Content
from . import identity
from .interpreter import compile_library

File = Tuple[FileEntry, Content]
_LARGE = 8 << 20  # bytes; a larger file is not read into memory


def stored_digests(store: Path) -> List[str]:
    """Return the digests of the layers in the store, sorted."""
    try:
        names = os.listdir(store)
    except FileNotFoundError:
        return []
    return sorted(name[:-5] for name in names if name.endswith(".json") and valid_digest(name[:-5]))


def is_stored(store: Path, digest: str) -> bool:
    """Whether the layer is in the store."""
    return os.path.exists(os.path.join(store, digest + ".json"))


def load_entries(store: Path, digest: str) -> List[FileEntry]:
    """Return the file list of a stored layer, verified against its digest."""
    return load_list(list_text(store, digest), digest)


def list_text(store: Path, digest: str) -> str:
    """Return the text of a stored layer's file list, which is not verified."""
    return read_bytes(store / f"{digest}.json", top=store.parent).decode("utf-8", "replace")


def has_damaged_list(store: Path, digest: str) -> bool:
    """Whether a stored layer's file list is damaged, as after a power failure."""
    try:
        load_entries(store, digest)
    except ManifestError:
        return True
    return False


def make_private_folder(parent: Path, prefix: str) -> Path:
    """Create a folder with a new name and mode 0700; ``tempfile`` would be slow to import."""
    path = parent / f"{prefix}{os.urandom(6).hex()}"
    path.mkdir(mode=0o700)
    return path


@contextmanager
def incoming(store: Path) -> Iterator[Path]:
    """Yield a temporary folder in the store for building a tree, and remove it afterwards."""
    store.mkdir(parents=True, exist_ok=True)
    validate_folder(store, store.parent)
    folder = make_private_folder(store, ".incoming-")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        remove_tree(folder)


def write_files(folder: Path, files: Iterable[File]) -> None:
    """Write a tree's files with their modes, and its folders with mode 0755, whatever the umask."""
    folders = Folders(str(folder))
    exact: Dict[int, bool] = {}  # by mode: whether open() creates a file with exactly this mode
    for entry, data in files:
        folders.make(entry.path.rpartition("/")[0])
        path = f"{folders.top}/{entry.path}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, entry.mode)
        try:
            for piece in (data,) if isinstance(data, bytes) else data:
                _write_all(fd, piece)
            if entry.mode not in exact:  # umask and default ACL are the same for all files
                exact[entry.mode] = os.fstat(fd).st_mode & 0o777 == entry.mode
            if not exact[entry.mode]:
                os.fchmod(fd, entry.mode)
        finally:
            os.close(fd)


class Folders:
    """Creates the folders of a tree with mode 0755, because another user runs the code."""

    def __init__(self, top: str) -> None:
        self.top = top
        self._made = {""}
        self._exact: Optional[bool] = None  # whether mkdir() sets exactly this mode
        os.chmod(top, 0o755)

    def make(self, path: str) -> None:
        """Create a folder and its missing parents; ``path`` is relative to the top."""
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


def _write_all(fd: int, data: bytes) -> None:
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, data[done:])


def add(
    store: Path, digest: str, entries: Sequence[FileEntry], folder: Path, text: str = ""
) -> None:
    """Move a finished tree into the store, unless another process has stored the same layer.

    ``text`` is the JSON of ``entries``, if the caller has it.
    """
    target = store / digest
    compile_library(folder, entries)
    # A tree without a list is either incomplete, or another process is about to write its list.
    if not is_stored(store, digest) and target.exists() and differing_files(target, entries):
        remove(store, digest)
    try:
        os.rename(folder, target)
    except OSError:
        if not target.is_dir():
            raise
    write_and_replace(store / f"{digest}.json", text or dump_list(entries), top=store.parent)


def set_folder_modes(folder: Path) -> None:
    """Give every folder of a tree mode 0755, whatever the umask: another user runs the code."""
    left = [str(folder)]
    while left:
        path = left.pop()
        os.chmod(path, 0o755)
        with os.scandir(path) as found:
            left += [one.path for one in found if one.is_dir(follow_symlinks=False)]


def remove_tree(folder: Path) -> None:
    """Remove a folder and its content as far as possible; links in it are not followed.

    ``rmtree`` fails on folders that are nested more deeply than any release has them.
    """
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)


def remove(store: Path, digest: str) -> None:
    """Remove a layer from the store; releases keep their hard links to its files."""
    for suffix in (".json", ".verified"):
        (store / f"{digest}{suffix}").unlink(missing_ok=True)
    tree = store / digest
    if tree.exists():
        grave = make_private_folder(store, ".removed-")
        os.rename(tree, grave / digest)
        remove_tree(grave)


def extract(bundle: BundleFile, store: Path, digest: str) -> None:
    """Extract one layer of a bundle into the store; every file is verified before it is written."""
    if is_stored(store, digest):
        return
    with incoming(store) as folder:
        tree = folder / "tree"
        tree.mkdir()
        text = bundle.list_text(digest)
        entries = bundle.entries(digest, text)
        write_files(tree, bundle.files(digest, entries))
        add(store, digest, entries, tree, text)


def extract_all(
    path: Path, store: Path, layers: Sequence[Layer], validate: Callable[[], None]
) -> None:
    """Extract layers in two processes, and run ``validate`` in a third.

    An error from any of them is raised. Completely extracted layers stay in the store.
    """
    verdict = Background(validate)
    try:
        with BundleFile(path) as bundle:
            for _ in iter_extracted(bundle, store, layers):
                pass
        verdict.result()
    finally:
        verdict.close()


def iter_extracted(
    bundle: BundleFile, store: Path, layers: Sequence[Layer]
) -> Generator[Layer, None, None]:
    """Extract layers, and yield each one when it is in the store.

    Two processes take layers from one queue, the most expensive first. The layers that the child
    process extracted are yielded last.
    """
    ordered = sorted(layers, key=lambda one: (-_cost(one), one.sha256))
    queue, queued = _make_queue(len(ordered))
    helper = Background(lambda: _extract_queued(bundle, store, ordered, queue))
    mine = set()
    try:
        for number in chain(_take_from(queue), range(queued, len(ordered))):
            extract(bundle, store, ordered[number].sha256)
            mine.add(number)
            yield ordered[number]
    finally:
        for _ in _take_from(queue):
            pass  # after an error here, the child has nothing left to do
        os.close(queue)
        helper.close()
    for number, layer in enumerate(ordered):
        if number not in mine:
            extract(bundle, store, layer.sha256)  # if the child failed, this raises its error again
            yield layer


def _extract_queued(bundle: BundleFile, store: Path, layers: Sequence[Layer], queue: int) -> None:
    for number in _take_from(queue):
        extract(bundle, store, layers[number].sha256)


def _make_queue(count: int) -> Tuple[int, int]:
    """Return the read end of a pipe filled with the numbers below ``count``, and how many fit."""
    queue, entrance = os.pipe()
    os.set_blocking(entrance, False)
    try:
        held = os.write(entrance, b"".join(number.to_bytes(4, "little") for number in range(count)))
    finally:
        os.close(entrance)
    return queue, held // 4


def _take_from(queue: int) -> Iterator[int]:
    """Yield numbers from the queue until it is empty; each number goes to only one process."""
    while number := os.read(queue, 4):
        yield int.from_bytes(number, "little")


def _cost(layer: Layer) -> int:
    """Return the approximate cost of extracting a layer, from its bytes and its number of files."""
    return layer.size + 8192 * layer.files


def is_damaged(store: Path, digest: str) -> bool:
    """Whether a stored layer has a changed file or a damaged list.

    The files are read, unless none was touched since they were last verified.
    """
    record = store / f"{digest}.verified"
    if identity.is_untouched([store / digest], record, store.parent):
        return False
    identified = identity.identify([store / digest])
    try:
        if damaged_files(store, digest):
            return True
    except ManifestError:
        return True
    with suppress(OSError):  # a full disk
        identity.remember(record, identified, store.parent)
    return False


def damaged_files(store: Path, digest: str) -> List[str]:
    """Return the paths of a stored layer whose content or mode differs from its list."""
    return differing_files(store / digest, load_entries(store, digest))


def differing_files(tree: Path, entries: Iterable[FileEntry]) -> List[str]:
    """Return the paths that are not regular files of the listed size, content and mode.

    ``tree`` is two levels below a folder that is trusted: ``store/<digest>`` or ``releases/<id>``.
    """
    reader = _TreeReader(str(tree.parent.parent), f"{tree.parent.name}/{tree.name}")
    try:
        return [entry.path for entry in entries if not _matches(reader, entry)]
    finally:
        reader.close()


class _TreeReader:
    """Opens the files of a tree, and keeps the folders on the way open for the next file."""

    def __init__(self, top: str, name: str) -> None:
        self._top, self._name = top, name
        self._names: List[str] = []  # folders below the tree
        self._handles: List[int] = []  # of the tree and of these folders

    def open(self, path: str) -> int:
        """Return a descriptor of a file; raises :class:`OSError`, also for a link or a pipe."""
        if not self._handles:
            self._handles.append(open_folder(self._top, self._name))
        *names, last = path.split("/")
        same = 0
        while same < len(names) and names[same : same + 1] == self._names[same : same + 1]:
            same += 1
        self._keep(same)
        for name in names[same:]:
            self._handles.append(open_folder(path, name, self._handles[-1]))
            self._names.append(name)
        return open_regular("", last, inside=self._handles[-1])

    def _keep(self, count: int) -> None:
        while len(self._handles) > count + 1:
            os.close(self._handles.pop())
        del self._names[count:]

    def close(self) -> None:
        """Close all folders."""
        while self._handles:
            os.close(self._handles.pop())


def _matches(reader: _TreeReader, entry: FileEntry) -> bool:
    try:
        fd = reader.open(entry.path)
    except OSError:
        return False
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if status.st_size != entry.size or (status.st_mode & 0o111 != 0) != (entry.mode == 0o755):
            return False
        if status.st_size > _LARGE:
            return hash_stream(file) == entry.sha256
        return hashlib.sha256(file.read()).hexdigest() == entry.sha256


def validate_space(
    folder: Path, needed: int, inodes: int, hint: str = "Free some space, or lower `keep`."
) -> None:
    """Raise :class:`DeployKitError` unless ``needed`` bytes and ``inodes`` inodes are free."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise DeployKitError(
            f"the disk of {folder} has {free >> 20} MiB left and {needed >> 20} MiB are needed",
            hint,
        )
    if status.f_files and status.f_favail < inodes:
        raise DeployKitError(
            f"the disk of {folder} has {status.f_favail} inodes left and {inodes} are needed"
        )
