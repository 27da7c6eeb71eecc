"""Packing trees into layers: run by the target's Python, since bytecode is its own; stdlib only.

Reads a job as JSON from standard input and prints the layers as JSON. Everything is a function of
the files: no times, no places, no hash seed (the caller sets PYTHONHASHSEED).
"""

import hashlib
import importlib.util
import json
import marshal
import os
import sys
import zipfile
from typing import Any

Contents = dict[str, tuple[str | None, bytes | None]]  # by path: a file, or bytes

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNCHECKED = (0b01).to_bytes(4, "little")  # PEP 552
# Without references between objects, which would depend on what else the process has loaded.
_MARSHAL_VERSION = 2
_STORED = (
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


def main() -> None:
    """Pack every tree of the job that came on standard input."""
    job = json.load(sys.stdin)
    json.dump([pack(tree, job["cache"], job["level"]) for tree in job["trees"]], sys.stdout)


def pack(tree: dict[str, Any], cache: str, level: int) -> dict[str, Any]:
    """Return the layer of a tree as a row; its archive and list are in the cache afterwards."""
    contents: Contents = {path: (source, None) for path, source in tree["files"]}
    for path, source in tree["files"]:
        if path.endswith(".py") and not path.startswith("bin/"):
            code = bytecode(path, source)
            if code is not None:
                contents[cached_path(path)] = (None, code)
    entries = [entry(path, *contents[path]) for path in sorted(contents)]
    digest = tree_digest(entries)
    archive = os.path.join(cache, digest + ".zip")
    if not whole(cache, digest):
        write(archive, entries, contents, level)
        listing = json.dumps(entries, separators=(",", ":")) + "\n"
        replace(os.path.join(cache, digest + ".json"), listing.encode("utf-8"))
        replace(os.path.join(cache, digest + ".sum"), file_digest(archive).encode("ascii"))
    return {
        "kind": tree["kind"],
        "name": tree["name"],
        "version": tree["version"],
        "sha256": digest,
        "size": sum(row[2] for row in entries),
        "files": len(entries),
    }


def whole(cache: str, digest: str) -> bool:
    """Whether the cache holds every part of a layer."""
    return all(
        os.path.exists(os.path.join(cache, digest + end)) for end in (".zip", ".json", ".sum")
    )


def cached_path(path: str) -> str:
    """Return where Python looks for the bytecode of a source."""
    return importlib.util.cache_from_source(path)


def bytecode(path: str, source: str) -> bytes | None:
    """Return the bytecode of a source, None where it does not compile (templates of code do not)."""
    with open(source, "rb") as file:
        data = file.read()
    try:
        code = compile(data, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    checksum = importlib.util.source_hash(data)
    return (
        importlib.util.MAGIC_NUMBER + _UNCHECKED + checksum + marshal.dumps(code, _MARSHAL_VERSION)
    )


def entry(path: str, source: str | None, data: bytes | None) -> list[Any]:
    """Return a file's row of a layer's list."""
    if data is not None:
        return [path, 0o644, len(data), hashlib.sha256(data).hexdigest()]
    assert source is not None
    status = os.stat(source)
    mode = 0o755 if status.st_mode & 0o100 else 0o644
    return [path, mode, status.st_size, file_digest(source)]


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def tree_digest(entries: list[list[Any]]) -> str:
    """Return the identity of a tree, as ``runtime.manifest.tree_digest`` does."""
    digest = hashlib.sha256()
    for path, mode, size, sha256 in entries:
        for part in (path, format(mode, "o"), str(size), sha256):
            raw = part.encode("utf-8", "surrogateescape")
            digest.update(b"%d:" % len(raw))
            digest.update(raw)
    return digest.hexdigest()


def write(path: str, entries: list[list[Any]], contents: Contents, level: int) -> None:
    """Write a layer's archive; it appears whole."""
    temporary = "%s.%d" % (path, os.getpid())
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            for name, mode, size, _ in entries:
                source, data = contents[name]
                info = zipfile.ZipInfo(name, _EPOCH)
                info.external_attr = (0o100000 | mode) << 16
                info.compress_type = (
                    zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
                )
                info.file_size = size
                put(archive, info, source, data, level)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def put(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    source: str | None,
    data: bytes | None,
    level: int,
) -> None:
    """Write one member, large files piece by piece."""
    if data is not None or info.file_size < (8 << 20):
        if data is None:
            assert source is not None
            with open(source, "rb") as file:
                data = file.read()
        archive.writestr(info, data, info.compress_type, level)
        return
    if sys.version_info >= (3, 13):
        info.compress_level = level
    else:
        info._compresslevel = level  # type: ignore[attr-defined]
    assert source is not None
    with archive.open(info, "w") as target, open(source, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            target.write(piece)


def replace(path: str, data: bytes) -> None:
    """Write a file that appears whole."""
    temporary = "%s.%d" % (path, os.getpid())
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
