"""Packing trees into layers, in several processes of the bundle's Python."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import django_deploykit
from django_deploykit.bundle.build_cache import layer_folder
from django_deploykit.bundle.project_side import pack_layers
from django_deploykit.bundle.scratch import scratch, uninterrupted
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Layer

_LEVEL = 4  # of zlib. Level 6 takes 1.5 times as long and saves 2 %.
_FILE_WORK = 4096
# Our package's folder comes last: it may be a site-packages with backports of standard modules.
_PROGRAM = (
    "import sys; del sys.path[0]; sys.path.append(sys.argv[1]); "
    f"from {pack_layers.__name__} import main; main()"
)


@dataclass(frozen=True)
class Tree:
    """The files of a future layer: pairs of the path in the release and the path to read."""

    kind: str
    name: str
    version: str
    files: tuple[tuple[str, str], ...]

    @property
    def work(self) -> int:
        """An estimate of the work to pack it, in bytes to compress."""
        return sum(_work(source) for _, source in self.files)


def _work(path: str) -> int:
    """Estimate the work for one file. For Python sources, compiling is most of the work."""
    size = os.path.getsize(path)
    if path.endswith(".py"):
        return 9 * size + _FILE_WORK
    return size // 10 + _FILE_WORK if path.endswith(pack_layers.STORED) else size + _FILE_WORK


def pack_all(
    trees: Sequence[Tree], python: str, processes: int = 0, *, beside: bool = False
) -> list[Layer]:
    """Pack trees with several processes of ``python``. Return layers in the order of the trees.

    With ``beside``, the bytecode is also written next to the sources. ``processes`` is the number
    of processes, by default one for each CPU.
    """
    left = deque(sorted(trees, key=lambda one: (-one.work, one.name)))
    count = min(processes or os.cpu_count() or 1, max(1, len(trees)))
    cache = layer_folder()
    running: list[_Packer] = []
    with scratch(cache) as place:
        job = {"cache": str(cache), "place": str(place), "level": _LEVEL, "beside": beside}
        try:
            for _ in range(count):
                with uninterrupted():
                    running.append(_Packer(python, job, left))
            rows = [row for one in running for row in one.rows()]
        finally:
            with uninterrupted():
                left.clear()
                for one in running:
                    one.close()
    found = {(row["kind"], row["name"]): Layer(**row) for row in rows}
    return [found[tree.kind, tree.name] for tree in trees]


class _Packer:
    """A packing process, and the thread that sends it one tree after the other."""

    def __init__(self, python: str, job: Document, left: deque[Tree]) -> None:
        self._job, self._left = job, left
        self._rows: list[Document] = []
        self._failed: Tree | None = None
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed in close
        try:
            self._process = self._started(python)
        except OSError:
            self._errors.close()
            raise
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _started(self, python: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [python, "-S", "-c", _PROGRAM, str(Path(django_deploykit.__file__).parent.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={
                "PYTHONHASHSEED": "0",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": os.environ.get("PATH", os.defpath),
                "LC_ALL": "C.UTF-8",
            },
        )

    def rows(self) -> list[Document]:
        """Wait until all trees are packed. Return rows of layers or raise :class:`BundleError`."""
        self._thread.join()
        if self._failed is None:
            return self._rows
        self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:] or [
            f"exit code {self._process.returncode}"
        ]
        raise BundleError(
            f"packing {self._failed.name} failed: {last[0]}", "Is the disk of the build cache full?"
        )

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        while (tree := self._next()) is not None:
            try:
                self._process.stdin.write(json.dumps({**self._job, "tree": vars(tree)}) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except OSError:
                line = ""
            if not line.endswith("\n"):
                self._failed = tree
                self._left.clear()
                return
            self._rows.append(json.loads(line))
        with contextlib.suppress(OSError):  # the process has ended already
            self._process.stdin.close()
        self._process.wait()

    def _next(self) -> Tree | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None
