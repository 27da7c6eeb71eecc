"""A relocatable interpreter for tests, made of one of this machine's Pythons and its libraries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_TOOLS = ("patchelf", "strip", "ldd")
_LEFT_OUT = ("__pycache__", "ensurepip", "idlelib", "site-packages", "test", "tests", "tkinter")
_GLIBC = re.compile(r"lib(?:c|m|dl|pthread|rt|util|resolv|mvec|anl)\.so")


def why_not() -> str:
    """Return why no interpreter can be made here, or ""."""
    lacking = [name for name in _TOOLS if shutil.which(name) is None]
    if not sys.platform.startswith("linux"):
        return "relocatable interpreters of tests need Linux"
    return f"apt-get install {' '.join(lacking)}" if lacking else ""


def make_interpreter(folder: Path, base: str = "") -> Path:
    """Make a relocatable copy of a Python in a new folder; ``base`` is its prefix, by default this one's."""
    source = Path(base or sys.base_prefix)
    version = "python{}.{}".format(*sys.version_info)

    def leave_out(_: str, names: list[str]) -> list[str]:
        return [one for one in names if one in _LEFT_OUT or one.startswith(("config-", "nis."))]

    shutil.copytree(source / "lib" / version, folder / "lib" / version, ignore=leave_out)
    (folder / "bin").mkdir()
    program = folder / "bin" / version
    shutil.copy2(os.path.realpath(source / "bin" / version), program)
    (folder / "bin" / "python3").symlink_to(version)
    files = [program, *folder.glob(f"lib/{version}/lib-dynload/*.so")]
    for path in files:
        if "_tkinter" in path.name:
            path.unlink()
            continue
        for name, place in _libraries(path).items():
            target = folder / "lib" / name
            if not target.exists():
                shutil.copy2(os.path.realpath(place), target)
                target.chmod(0o755)
    for path in [
        program,
        *folder.glob("lib/*.so*"),
        *folder.glob(f"lib/{version}/lib-dynload/*.so"),
    ]:
        up = os.path.relpath(folder / "lib", path.parent)
        subprocess.run(["strip", "--strip-unneeded", path], check=True)
        subprocess.run(["patchelf", "--set-rpath", f"$ORIGIN/{up}", path], check=True)
    return folder


def _libraries(path: Path) -> dict[str, str]:
    """Return the libraries that a program loads, besides those of glibc, with their paths."""
    text = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"(\S+) => (/\S+)", text)
    return {name: place for name, place in found if not _GLIBC.match(name)}
