"""Packing trees with several processes of the bundle's Python, which take them as they get done."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django_deploykit.bundle.layers import Tree, layer_folder
from django_deploykit.bundle.project_side import pack_layers
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.manifest import Layer

_LEVEL = 4  # level 6 takes half as long again and saves a fiftieth


def pack_all(
    trees: Sequence[Tree], python: str, processes: int = 0, *, beside: bool = False
) -> list[Layer]:
    """Pack trees with several processes of ``python``; the layers come in the order of the trees.

    With ``beside`` the bytecode is written beside the sources too.
    """
    left = deque(sorted(trees, key=lambda one: (-one.weight, one.name)))
    count = min(processes or os.cpu_count() or 1, max(1, len(trees)))
    job = {"cache": str(layer_folder()), "level": _LEVEL, "beside": beside}
    running: list[_Packer] = []
    try:
        for _ in range(count):
            running.append(_Packer(python, job, left))
        rows = [row for one in running for row in one.rows()]
    finally:
        left.clear()
        for one in running:
            one.close()
    found = {(row["kind"], row["name"]): Layer(**row) for row in rows}
    return [found[tree.kind, tree.name] for tree in trees]


class _Packer:
    """A process that packs, and the thread that hands it one tree after the other."""

    def __init__(self, python: str, job: dict[str, Any], left: deque[Tree]) -> None:
        """``job`` says where and how trees are packed, ``left`` are those that nobody has taken."""
        self._job, self._left = job, left
        self._rows: list[dict[str, Any]] = []
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
            [python, "-S", str(Path(pack_layers.__file__))],
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

    def rows(self) -> list[dict[str, Any]]:
        """Wait until no tree is left, and return the layers as the process gave them."""
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
        """End the process; what it was writing is removed."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        if self._process.returncode:
            for left in Path(self._job["cache"]).glob(f"*.{self._process.pid}"):
                left.unlink(missing_ok=True)

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
        with contextlib.suppress(OSError):  # it has all its trees behind it
            self._process.stdin.close()
        self._process.wait()

    def _next(self) -> Tree | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None
