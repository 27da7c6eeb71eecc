"""Packing trees into layers.

This runs on the bundle's Python without site-packages, because it writes this Python's bytecode. It
reads a job in JSON from each line of standard input, and prints a layer for each job. The result
depends only on the files, not on times, paths or the hash seed (the caller sets PYTHONHASHSEED).
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import marshal
import os
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

from django_deploykit.runtime.base.files import hash_file

Row = tuple[str, int, int, str]  # of a file: path, mode, size in bytes and SHA-256
Contents = dict[str, str | bytes]  # by path in the release: a file's path, or bytes

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNCHECKED = (0b01).to_bytes(4, "little")  # PEP 552
_BYTECODE_LEVEL = 1  # higher levels hardly make bytecode smaller
_PIECE = 1 << 20
_LONGEST_NAME = 255  # bytes of a file's name
# Files that are compressed already. They are stored as they are.
STORED = (
    ".gz",
    ".br",
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".avif",
    ".woff",
    ".woff2",
    ".zip",
    ".whl",
    ".mp4",
    ".gif",
)
SUFFIXES = (".zip", ".json", ".sum")  # the files of a packed layer
TAR_SUFFIXES = (".tar.gz", *SUFFIXES[1:])  # of an interpreter's
_TAR_LEVEL = 9  # of zlib: an interpreter is packed once


def main() -> None:
    """Pack the tree in each line of standard input, and print its layer as one line."""
    for line in sys.stdin:
        job = json.loads(line)
        row = pack(job["tree"], job["cache"], job["place"], job["level"], job["beside"])
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def pack(
    tree: dict[str, Any], cache: str, place: str, level: int, beside: bool = False
) -> dict[str, object]:
    """Pack a tree into the cache folder, and return the fields of its ``Layer`` in the manifest.

    The files are written in ``place``, a temporary folder on the cache's disk that the caller
    removes, because this process may be killed.

    With ``beside``, the bytecode is also written where Python looks for it, so that the environment
    starts faster.
    """
    contents: Contents = dict(tree["files"])
    compiled = tree["kind"] not in ("static", "interpreter")
    for path, source in tree["files"]:
        if path.endswith(".py") and not path.startswith("bin/") and compiled:
            code = bytecode(path, source)
            named = os.path.basename(cached_path(path)).encode("utf-8", "surrogateescape")
            if code is not None and len(named) <= _LONGEST_NAME:
                # Written bytecode is read again later, not kept in memory: Django's takes 8 MB.
                written = beside and write_beside(cached_path(source), code)
                contents[cached_path(path)] = cached_path(source) if written else code
    entries = [entry(path, contents[path]) for path in sorted(contents)]
    digest = tree_digest(entries)
    suffixes = TAR_SUFFIXES if tree["kind"] == "interpreter" else SUFFIXES
    final = [os.path.join(cache, digest + suffix) for suffix in suffixes]
    if not all(map(os.path.exists, final)):
        # Another process may be packing an equal tree.
        files = [os.path.join(place, f"{os.getpid()}{suffix}") for suffix in suffixes]
        write(files, entries, contents, level)
        for path, target in zip(files, final, strict=True):
            os.replace(path, target)
    return {
        "kind": tree["kind"],
        "name": tree["name"],
        "version": tree["version"],
        "sha256": digest,
        "size": sum(row[2] for row in entries),
        "files": len(entries),
    }


def cached_path(path: str) -> str:
    """Return the path where Python looks for a source's bytecode."""
    return importlib.util.cache_from_source(path)


def bytecode(path: str, source: str) -> bytes | None:
    """Return the bytecode of a source, or None if it does not compile, as a code template."""
    with open(source, "rb") as file:
        data = file.read()
    try:
        code = compile(data, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    checksum = importlib.util.source_hash(data)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + checksum + dump(code)


def dump(code: types.CodeType) -> bytes:
    """Return the bytes of a code object, the same in every process.

    marshal marks objects that have more than one reference. The whole process shares some names and
    constants, so their marks would depend on what else is loaded. Therefore all of them are
    referenced once more while they are written.
    """
    code = normalized(code, {})
    held = parts(code)
    for value in held:
        # The process has one object for each of these, which may be interned already or not.
        if isinstance(value, str) and len(value) < 2 and value < "\u0100":
            sys.intern(value)
    data = marshal.dumps(code)
    del held
    return data


def normalized(code: types.CodeType, known: dict[str, frozenset[object]]) -> types.CodeType:
    """Return the code with one object for each distinct set constant, filled in a fixed order.

    For two equal sets, the compiler makes one or two objects, and fills them in any order. Both
    depend on the strings that the process has interned.
    """

    def replaced(value: object) -> object:
        if isinstance(value, types.CodeType):
            return normalized(value, known)
        if isinstance(value, frozenset):
            rows = sorted(value, key=lambda one: (type(one).__name__, repr(one)))
            return known.setdefault(repr(rows), frozenset(rows))
        return value

    constants = tuple(map(replaced, code.co_consts))
    same = all(one is other for one, other in zip(constants, code.co_consts, strict=True))
    return code if same else code.replace(co_consts=constants)


def parts(code: types.CodeType) -> list[object]:
    """Return every name and constant of a code object and of the code objects inside it."""
    found: list[object] = []
    codes = [code]
    while codes:
        one = codes.pop()
        found += one.co_names
        found += one.co_varnames
        found += one.co_cellvars
        found += one.co_freevars
        found += (one.co_name, one.co_filename, getattr(one, "co_qualname", ""))
        constants = [one.co_consts]
        while constants:
            values = constants.pop()
            found += values
            for value in values:
                if isinstance(value, types.CodeType):
                    codes.append(value)
                elif isinstance(value, (tuple, frozenset)):
                    constants.append(tuple(value))
    return found


def write_beside(path: str, data: bytes) -> bool:
    """Write bytecode next to its source. Return whether that worked.

    It may fail, because this only saves time.
    """
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    except OSError:
        return False
    return True


def entry(path: str, content: str | bytes) -> Row:
    """Return a file's row of the layer's list."""
    if isinstance(content, bytes):
        return path, 0o644, len(content), hashlib.sha256(content).hexdigest()
    status = os.stat(content)
    mode = 0o755 if status.st_mode & 0o100 else 0o644
    return path, mode, status.st_size, hash_file(Path(content))


def tree_digest(entries: list[Row]) -> str:
    """Return the digest that identifies a tree.

    This is a copy of ``runtime.bundle.manifest.tree_digest``, which is slow to import.
    """
    digest = hashlib.sha256()
    for path, mode, size, sha256 in entries:
        for part in (path, format(mode, "o"), str(size), sha256):
            raw = part.encode("utf-8", "surrogateescape")
            digest.update(b"%d:" % len(raw))
            digest.update(raw)
    return digest.hexdigest()


def write(files: list[str], entries: list[Row], contents: Contents, level: int) -> None:
    """Write a layer's files: archive, list of files, and SHA-256 of the archive."""
    archive, listing, checksum = files
    if archive.endswith(TAR_SUFFIXES[0]):
        write_tar(archive, entries, contents)
    else:
        write_archive(archive, entries, contents, level)
    with open(listing, "w", encoding="utf-8") as file:
        file.write(json.dumps(entries, separators=(",", ":")) + "\n")
    with open(checksum, "w", encoding="ascii") as file:
        file.write(hash_file(Path(archive)))


def write_archive(path: str, entries: list[Row], contents: Contents, level: int) -> None:
    """Write a layer's archive. Equal files are stored once."""
    written = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, mode, size, sha256 in entries:
            if sha256 in written:
                continue
            written.add(sha256)
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = (0o100000 | mode) << 16
            stored = name.endswith(STORED)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            info.file_size = size
            own = _BYTECODE_LEVEL if name.endswith(".pyc") else level
            put(archive, info, contents[name], own)


def write_tar(path: str, entries: list[Row], contents: Contents) -> None:
    """Write an interpreter's archive, as ``runtime.bundle.tar_stream`` says."""
    from django_deploykit.runtime.bundle import tar_stream  # slow, and rarely needed
    from django_deploykit.runtime.bundle.manifest import FileEntry

    rows = [FileEntry(*row) for row in entries]
    with (
        open(path, "wb") as file,
        gzip.GzipFile("", "wb", _TAR_LEVEL, file, mtime=0) as archive,
    ):
        archive.write(tar_stream.begin(rows))
        for row in rows:
            archive.write(tar_stream.header(tar_stream.TREE + row.path, row.mode, row.size))
            with open(contents[row.path], "rb") as source:
                for piece in iter(lambda: source.read(_PIECE), b""):
                    archive.write(piece)
            archive.write(tar_stream.padding(row.size))
        archive.write(tar_stream.END)


def put(archive: zipfile.ZipFile, info: zipfile.ZipInfo, content: str | bytes, level: int) -> None:
    """Write one member of the archive. Large files are written in pieces."""
    if isinstance(content, bytes):
        archive.writestr(info, content, info.compress_type, level)
        return
    with open(content, "rb") as file:
        if info.file_size <= _PIECE:
            archive.writestr(info, file.read(), info.compress_type, level)
            return
        if sys.version_info >= (3, 13):
            info.compress_level = level
        else:
            info._compresslevel = level  # type: ignore[attr-defined]
        with archive.open(info, "w") as target:
            for piece in iter(lambda: file.read(_PIECE), b""):
                target.write(piece)
