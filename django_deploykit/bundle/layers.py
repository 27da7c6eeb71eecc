"""Layers: trees packed by the target's Python on every processor, and the cache they lie in."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_deploykit.bundle import packer
from django_deploykit.errors import BundleError
from django_deploykit.runtime.manifest import Layer

_LEVEL = 4  # level 6 takes half as long again and saves a fiftieth
_FILE_WORK = 4096
_ENDS = (".zip", ".json", ".sum")
_CUT_OFF = 24 * 3600  # seconds after which a file that nobody finished leaves the cache
_STAMP = re.compile(r"[0-9a-f]{12}\Z")
_UNUSED = 60 * 24 * 3600  # seconds after which a layer that no build used leaves the cache


@dataclass(frozen=True)
class Tree:
    """What becomes a layer: files by their path in the release, and where they lie now."""

    kind: str
    name: str
    version: str
    files: tuple[tuple[str, str], ...]

    @property
    def weight(self) -> int:
        """The work of packing it, in the time that a byte takes to be compressed."""
        return sum(_work(source) for _, source in self.files)


def _work(path: str) -> int:
    """Return the work of packing a file: sources are compiled too, which is most of it."""
    size = os.path.getsize(path)
    if path.endswith(".py"):
        return 9 * size + _FILE_WORK
    return size // 10 + _FILE_WORK if path.endswith(packer.STORED) else size + _FILE_WORK


def cache_folder() -> Path:
    """Return the folder of what builds share: below ``DEPLOYKIT_BUILD_CACHE``, else the user's cache.

    What another version of us packed lies apart: the same commit could give other bytes with it.
    """
    named = os.environ.get("DEPLOYKIT_BUILD_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return (Path(named) if named else Path(home) / "django-deploykit" / "build") / _stamp()


@functools.lru_cache(maxsize=1)
def _stamp() -> str:
    """Return a name for everything here that decides about the bytes of a layer's archive."""
    texts = [
        path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))
    ]
    return digest_of_text(zlib.ZLIB_RUNTIME_VERSION, *texts)[:12]


def layer_folder() -> Path:
    """Return the folder of the cached layers, made if need be."""
    folder = cache_folder() / "layers"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(
            f"the cache {folder} cannot be written: {error.strerror}",
            "Set DEPLOYKIT_BUILD_CACHE to a folder.",
        ) from None
    return folder


def pack_all(
    trees: Sequence[Tree], python: str, processes: int = 0, *, beside: bool = False
) -> list[Layer]:
    """Pack trees with several processes of ``python``; the layers come in the order of the trees.

    With ``beside`` the bytecode is written beside the sources too.
    """
    count = min(processes or os.cpu_count() or 1, max(1, len(trees)))
    shares = share(trees, count)
    running = [_start(part, python, beside=beside) for part in shares]
    found: dict[tuple[str, str], Layer] = {}
    try:
        for process, part in zip(running, shares, strict=True):
            for row in _finish(process, part):
                found[row["kind"], row["name"]] = Layer(**row)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()
                for left in layer_folder().glob(f"*.{process.pid}"):
                    left.unlink(missing_ok=True)
    return [found[tree.kind, tree.name] for tree in trees]


def share(trees: Sequence[Tree], count: int) -> list[list[Tree]]:
    """Split trees into shares of about the same work."""
    shares: list[list[Tree]] = [[] for _ in range(count)]
    loads = [0] * count
    for tree in sorted(trees, key=lambda one: (-one.weight, one.name)):
        lightest = loads.index(min(loads))
        shares[lightest].append(tree)
        loads[lightest] += tree.weight
    return [part for part in shares if part]


def _start(part: Sequence[Tree], python: str, *, beside: bool) -> subprocess.Popen[str]:
    env = {
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
    }
    process = subprocess.Popen(
        [python, "-S", str(Path(packer.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    job = {
        "cache": str(layer_folder()),
        "level": _LEVEL,
        "beside": beside,
        "trees": [vars(tree) for tree in part],
    }
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(job))  # dump() would write it piece by piece
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died; _finish tells why
    process.stdin = None
    return process


def _finish(process: subprocess.Popen[str], part: Sequence[Tree]) -> list[dict[str, Any]]:
    out, errors = process.communicate()
    if process.returncode:
        last = errors.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        names = ", ".join(tree.name for tree in part[:5])
        raise BundleError(
            f"packing {names} … failed: {last[0]}", "Is the disk of the build cache full?"
        )
    return list(json.loads(out))


def judge_cached(digest: str, folder: Path) -> bool:
    """Whether a cached layer is whole; one that is not is thrown away."""
    paths = [folder / f"{digest}{end}" for end in _ENDS]
    try:
        good = packer.file_digest(str(paths[0])) == paths[2].read_text(encoding="ascii")
    except OSError:
        good = False
    if not good:
        for path in paths:
            path.unlink(missing_ok=True)
    return good


def forget_unused(keep: Iterable[str]) -> None:
    """Mark the layers of this build as used, and remove those that no build used for long."""
    folder = layer_folder()
    for digest in keep:
        for end in _ENDS:
            (folder / f"{digest}{end}").touch()
    now = time.time()
    for path in folder.iterdir():
        limit = _UNUSED if path.suffix in _ENDS else _CUT_OFF
        try:
            if path.stat().st_mtime < now - limit:
                path.unlink()
        except FileNotFoundError:
            continue  # another build was faster
    _forget_versions(now)


def _forget_versions(now: float) -> None:
    """Remove what other versions of us left, where they have not built for long."""
    mine = cache_folder()
    os.utime(mine)
    for folder in mine.parent.iterdir():
        ours = _STAMP.match(folder.name) and (folder / "layers").is_dir()
        if ours and folder.stat().st_mtime < now - _UNUSED:
            shutil.rmtree(folder, ignore_errors=True)


def digest_of_text(*parts: str) -> str:
    """Return a key for a cache."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(raw) + raw)
    return digest.hexdigest()
