"""A bundle's own Python on this host."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Iterable, Iterator, Sequence, Tuple

from ..base.files import read_bytes
from ..bundle.head import COMPILE
from ..bundle.manifest import INTERPRETER_FOLDER, FileEntry, Manifest
from ..bundle.seal import DamagedError

_PROGRAMS = f"{INTERPRETER_FOLDER}/bin/"


def program_of(manifest: Manifest) -> str:
    """Return the path in a release of the Python that it brings along."""
    return f"{INTERPRETER_FOLDER}/bin/python{manifest.python}"


def compile_library(tree: Path, entries: Sequence[FileEntry]) -> None:
    """If a new tree is an interpreter's, let that Python compile its library there.

    The bytecode would add 4 MB to each bundle, and an interpreter seldom changes. A failure is left
    to the first program that needs the Python.
    """
    if not (entries and entries[0].path.startswith(_PROGRAMS)):
        return
    import subprocess  # slow to load, and rarely needed

    words = [
        str(tree / entries[0].path),
        *COMPILE.split(),
        "--",
        str(tree / INTERPRETER_FOLDER / "lib"),
    ]
    subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath},
        check=False,
    )


def bytecode_of(tree: Path) -> Iterable[str]:
    """Yield the paths of the bytecode that :func:`compile_library` wrote into a stored tree."""
    for folder, _, names in os.walk(tree / INTERPRETER_FOLDER):
        if os.path.basename(folder) == "__pycache__":
            base = os.path.relpath(folder, tree)
            yield from (f"{base}/{name}" for name in sorted(names) if name.endswith(".pyc"))


def copy_interpreter(store: Path, digest: str, target: Path) -> None:
    """Replace a folder by a copy of a stored interpreter, with a link ``python3`` to its program.

    The store may be another user's. So its files are verified, and links in it are not followed.
    """
    from . import layers  # which imports this module

    entries = layers.load_entries(store, digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = layers.make_private_folder(target.parent, f".{target.name}-")
    try:
        layers.write_files(folder, _iter_verified(store, digest, entries))
        programs = folder / INTERPRETER_FOLDER / "bin"
        os.symlink(os.path.basename(entries[0].path), programs / "python3")
        compile_library(folder, entries)
        layers.set_folder_modes(folder)
        if target.exists():
            os.rename(target, folder / ".old")
        os.rename(folder, target)
        layers.remove_tree(target / ".old")
    finally:
        layers.remove_tree(folder)


def _iter_verified(
    store: Path, digest: str, entries: Iterable[FileEntry]
) -> Iterator[Tuple[FileEntry, bytes]]:
    for entry in entries:
        data = read_bytes(store / digest / entry.path, entry.size, top=store.parent)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise DamagedError(f"{store / digest / entry.path} is not the file of the bundle")
        yield entry, data
