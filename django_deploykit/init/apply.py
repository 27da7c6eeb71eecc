"""Writes what ``init`` changes, and locks. It is all or nothing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django_deploykit.bundle.run_uv import run_uv
from django_deploykit.init.dependencies import Locking
from django_deploykit.init.files import DEV_INI
from django_deploykit.init.plan import Plan
from django_deploykit.runtime.base.files import write_and_replace

VENDOR = "vendor"  # the folder of wheels in a project
_LEFT = (".pdm-python",)  # files of tools that concern one machine


def apply(root: Path, plan: Plan, wheel: Path | None) -> None:
    """Write the files and lock. If something fails, everything is as it was before."""
    paths = [*plan.files, *plan.locking.locked]
    before = {path: _bytes(root / path) for path in paths}
    folder = root / plan.locking.folder
    missing = missing_wheel(root, plan, wheel)
    try:
        for path, text in plan.files.items():
            _write(root / path, text.encode(), private=path == DEV_INI)
        if missing is not None and wheel is not None:
            missing.parent.mkdir(exist_ok=True)
            shutil.copyfile(wheel, missing)
        if plan.locking.arguments:
            _lock(plan.locking, folder)
    except BaseException:
        for path, content in before.items():
            if content is None:
                (root / path).unlink(missing_ok=True)
            else:
                _write(root / path, content)
        if missing is not None:
            missing.unlink(missing_ok=True)
            with suppress(OSError):  # it holds other wheels
                missing.parent.rmdir()
        raise


def missing_wheel(root: Path, plan: Plan, wheel: Path | None) -> Path | None:
    """Return where the project needs our wheel to lock it, if it is not there yet."""
    path = root / plan.locking.folder / VENDOR / wheel.name if wheel else None
    needed = plan.locking.arguments or plan.locking.advice
    return path if path and needed and not path.exists() else None


def _lock(locking: Locking, folder: Path) -> None:
    """Run the command that locks. A tool leaves nothing else in the folder."""
    before = {*os.listdir(folder)}
    with tempfile.TemporaryDirectory(prefix="deploykit-tool-") as place:
        # Pipenv needs a virtualenv to lock, which is not the project's.
        pipenv = {"PIPENV_VENV_IN_PROJECT": "0", "WORKON_HOME": place}
        environment = {**locking.environment, **pipenv}
        run_uv(_with_python(locking.arguments), folder, "locking the dependencies", environment)
    wanted = {os.path.basename(path) for path in locking.locked}
    for name in {*os.listdir(folder)} - before - wanted:
        if name in _LEFT:
            (folder / name).unlink(missing_ok=True)


def _with_python(arguments: Sequence[str]) -> list[str]:
    """Return uv's arguments with this Python. ``uv add`` might download another one."""
    if arguments[:2] == ("tool", "run"):
        return [*arguments[:2], "--python", sys.executable, *arguments[2:]]
    return [*arguments, *(["--python", sys.executable] if arguments[0] in ("add", "lock") else [])]


def _write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file, through a link, with the mode that it has."""
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600 if private else None
    path.parent.mkdir(exist_ok=True)
    write_and_replace(path, data, mode)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
