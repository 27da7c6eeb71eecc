"""Packing trees into layers: run by the target's Python, since bytecode is its own; stdlib only.

Reads trees as lines of JSON from standard input and prints a layer for each. Everything is a function of
the files: no times, no places, no hash seed (the caller sets PYTHONHASHSEED).
"""

import hashlib
import importlib.util
import json
import marshal
import os
import sys
import types
import zipfile
from typing import Any

Contents = dict[str, tuple[str | None, bytes | None]]  # by path: a file, or bytes

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNCHECKED = (0b01).to_bytes(4, "little")  # PEP 552
_BYTECODE_LEVEL = 1  # more makes it hardly smaller
_PIECE = 1 << 20
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


def main() -> None:
    """Pack the tree of each line that comes on standard input, and answer with a line."""
    for line in sys.stdin:
        job = json.loads(line)
        row = pack(job["tree"], job["cache"], job["level"], job["beside"])
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def pack(tree: dict[str, Any], cache: str, level: int, beside: bool = False) -> dict[str, Any]:
    """Return the layer of a tree as a row; its archive and list are in the cache afterwards.

    With ``beside`` the bytecode is also put where Python looks for it beside the sources, which
    then start faster.
    """
    contents: Contents = {path: (source, None) for path, source in tree["files"]}
    for path, source in tree["files"]:
        if path.endswith(".py") and not path.startswith("bin/"):
            code = bytecode(path, source)
            if code is not None:
                # What lies beside is read again when it is packed: all of Django's is 8 MB.
                kept = cached_path(source) if beside and keep(cached_path(source), code) else None
                contents[cached_path(path)] = (kept, None) if kept else (None, code)
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
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + checksum + dump(code)


def dump(code: types.CodeType) -> bytes:
    """Return a code object's bytes, the same in every process.

    marshal marks an object for later reference where it is referenced more than once. For names and
    constants, some of which the whole process shares, that hangs on what else it has loaded; so all
    of them are held here while they are written.
    """
    code = settled(code, {})
    held = parts(code)
    for value in held:
        # The process has one object for each of these, which may be interned by now or not.
        if isinstance(value, str) and len(value) < 2 and value < "\u0100":
            sys.intern(value)
    data = marshal.dumps(code)
    del held
    return data


def settled(code: types.CodeType, known: dict[Any, Any]) -> types.CodeType:
    """Return the code with one object for each value among its sets, each in an order of its own.

    Whether the compiler makes one object or two of two equal sets, and in which order it fills them,
    hangs on which of their strings the process knows already.
    """
    constants = tuple(_settled(value, known) for value in code.co_consts)
    same = all(one is other for one, other in zip(constants, code.co_consts, strict=True))
    return code if same else code.replace(co_consts=constants)


def _settled(value: Any, known: dict[Any, Any]) -> Any:
    if isinstance(value, types.CodeType):
        return settled(value, known)
    if isinstance(value, frozenset):
        rows = sorted(value, key=lambda one: (type(one).__name__, repr(one)))
        return known.setdefault(repr(rows), frozenset(rows))
    return value


def parts(code: types.CodeType) -> list[Any]:
    """Return every name and constant of a code object and of the code in it, as the objects they are."""
    found: list[Any] = []
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


def keep(path: str, data: bytes) -> bool:
    """Write bytecode beside its source; False where that cannot be done."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    except OSError:
        return False  # it only serves to start faster
    return True


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
        for piece in iter(lambda: file.read(_PIECE), b""):
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
    """Write a layer's archive; it appears whole. Of files with the same content it holds the first."""
    written = set()
    temporary = "%s.%d" % (path, os.getpid())
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            for name, mode, size, sha256 in entries:
                if sha256 in written:
                    continue
                written.add(sha256)
                source, data = contents[name]
                info = zipfile.ZipInfo(name, _EPOCH)
                info.external_attr = (0o100000 | mode) << 16
                info.compress_type = (
                    zipfile.ZIP_STORED if name.endswith(STORED) else zipfile.ZIP_DEFLATED
                )
                info.file_size = size
                put(
                    archive, info, source, data, _BYTECODE_LEVEL if name.endswith(".pyc") else level
                )
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
    if data is not None or info.file_size <= _PIECE:
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
        for piece in iter(lambda: file.read(_PIECE), b""):
            target.write(piece)


def replace(path: str, data: bytes) -> None:
    """Write a file that appears whole."""
    temporary = "%s.%d" % (path, os.getpid())
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
