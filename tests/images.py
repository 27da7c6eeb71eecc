"""Base images for tests: OCI archives of a few files, or of this machine's Python without a shell."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django_deploykit.runtime.base.documents import Document

_OCI = "application/vnd.oci.image"
PYTHON = "{}.{}".format(*sys.version_info)
LIBC = b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n"
# What a minimal base has: a Python, and a C library.
FILES: Mapping[str, bytes] = {
    f"usr/bin/python{PYTHON}": b"\x7fELF",
    "lib/x86_64-linux-gnu/libc.so.6": LIBC,
}
_LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "site-packages", "lib2to3"}


def digest(data: bytes) -> str:
    """Return a SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def layer_tar(files: Mapping[str, bytes | str]) -> bytes:
    """Return a tar; a text is the target of a symbolic link."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.mode = 0o755
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def image_blobs(
    tars: Iterable[bytes], run: Document | None = None, **changes: Any
) -> tuple[dict[str, bytes], str]:
    """Return the blobs of an image by digest, and its digest; ``changes`` are of its configuration."""
    tars = [*tars]
    layers = [gzip.compress(one, 1, mtime=0) for one in tars]
    config = json.dumps(
        {
            "architecture": {"aarch64": "arm64"}.get(os.uname().machine, "amd64"),
            "os": "linux",
            "config": run or {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(one)}" for one in tars]},
            **changes,
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": row(config, "config.v1+json"),
            "layers": [row(one, "layer.v1.tar+gzip") for one in layers],
        }
    ).encode()
    return {digest(one): one for one in (config, manifest, *layers)}, digest(manifest)


def row(data: bytes, kind: str) -> dict[str, object]:
    """Return a descriptor."""
    return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest(data)}", "size": len(data)}


def write_archive(path: Path, blobs: Mapping[str, bytes], image: str) -> str:
    """Write an OCI archive; return it with its digest, as deploykit.ini names it."""
    index = {"schemaVersion": 2, "manifests": [row(blobs[image], "manifest.v1+json")]}
    members = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps(index).encode(),
        **{f"blobs/sha256/{name}": data for name, data in sorted(blobs.items())},
    }
    path.write_bytes(layer_tar(members))
    return f"{path}@sha256:{image}"


def write_base(path: Path, files: Mapping[str, bytes | str] = FILES, **changes: Any) -> str:
    """Write a base of these files; return how deploykit.ini names it."""
    return write_archive(path, *image_blobs([layer_tar(files)], **changes))


def write_python_base(path: Path) -> str:
    """Write a base with this machine's Python, its shared libraries, and nothing else.

    So it has no shell. Return how deploykit.ini names it.
    """
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        temporary = tarfile.TarInfo("tmp/")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
        for source, place in sorted(_python_files()):
            info = tar.gettarinfo(os.path.realpath(source), place.lstrip("/"))
            info.uid = info.gid = 0
            info.type, info.mode = tarfile.REGTYPE, info.mode | 0o444
            with open(os.path.realpath(source), "rb") as file:
                info.size = os.fstat(file.fileno()).st_size
                tar.addfile(info, file)
    return write_archive(path, *image_blobs([target.getvalue()]))


def _python_files() -> Iterator[tuple[str, str]]:
    """Yield paths here and in the image."""
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    yield python, f"/usr/local/bin/python{PYTHON}"
    compiled = [python]
    standard = sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})
    for folder, folders, names in os.walk(standard):
        folders[:] = [one for one in folders if one not in _LEFT_OUT and "config-" not in one]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                yield path, f"/usr/local/lib/python{PYTHON}{path[len(standard) :]}"
                compiled += [path] if name.endswith(".so") else []
    done = subprocess.run(["ldd", *compiled], capture_output=True, text=True)
    yield from {(one, one) for one in re.findall(r"(/\S+\.so\S*) \(0x", done.stdout)}
