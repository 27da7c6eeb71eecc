"""Pythons that measure: the one of the tests, its base, which runs without site-packages, and hosts'."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zlib
from pathlib import Path

from tests.projects import ROOT, uv

VARIABLE = "DEPLOYKIT_COVERAGE"
PACKAGE = ROOT / "django_deploykit"
HOOK = Path(__file__).with_name("hook.py")
_MODULE = "deploykit_measuring"
_ON_HOSTS = "/coverage"  # a folder in which everybody may write, and nobody may search
_FIRST = f"\nimport {_MODULE}\n"  # what is added to the module that every Python imports first


def folder() -> Path | None:
    """Return the folder for what is measured, or None."""
    named = os.environ.get(VARIABLE)
    return Path(named).resolve() if named else None


def prepare(tier: str) -> None:
    """Let this environment's Python measure for a tier, or no longer if it is not wanted."""
    site = Path(sysconfig.get_path("purelib"))
    line = site / f"{_MODULE}.pth"
    line.unlink(missing_ok=True)
    top = folder()
    if top is None:
        return
    data = top / tier
    for place in (data, top / "pythons" / tier):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    base = write_base(top / "pythons" / tier, str(site), str(data))
    (site / f"{_MODULE}.py").write_text(hook(str(site), str(data), str(base)))
    line.write_text(f"import {_MODULE}\n")


def hook(library: str, data: str, python: str = "") -> str:
    """Return the text of the module that starts coverage."""
    values = {"LIBRARY": library, "DATA": data, "PYTHON": python, "SUMS": sums()}
    lines = HOOK.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        name = line.partition(" ")[0].rstrip(":")
        if name in values:
            lines[number] = f"{name} = {values.pop(name)!r}"
    assert not values
    return "\n".join([*lines, ""])


def sums() -> dict[str, int]:
    """Return the CRC-32 of each file of the package, by its path below it."""
    return {
        path.relative_to(PACKAGE).as_posix(): zlib.crc32(path.read_bytes())
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def write_base(top: Path, library: str, data: str) -> Path:
    """Write a copy of this environment's base Python that measures; returns its path.

    Python finds its standard library by its own path. All of the copy's is a link but the package
    that Python imports before everything else.
    """
    standard = Path(os.__file__).parent  # .../lib/python3.13
    real, version = Path(os.path.realpath(sys.executable)), standard.name
    python = top / "bin" / version
    python.parent.mkdir()
    shutil.copy2(real, python)
    (top / "include").symlink_to(Path(sys.base_prefix) / "include")
    encodings = top / "lib" / version / "encodings"
    encodings.mkdir(parents=True)
    for path in standard.iterdir():
        if path.name not in (encodings.name, "__pycache__"):  # it gets bytecode of its own
            (encodings.parent / path.name).symlink_to(path)
    for path in (standard / encodings.name).glob("*.py"):
        (encodings / path.name).symlink_to(path)
    (encodings / "__init__.py").unlink()
    first = (standard / encodings.name / "__init__.py").read_text(encoding="utf-8")
    (encodings / "__init__.py").write_text(first + _FIRST, encoding="utf-8")
    (encodings.parent / f"{_MODULE}.py").write_text(hook(library, data))
    return python


def host_files(image: Path) -> dict[str, tuple[str, int]]:
    """Return text and mode of the files that let a host of an image measure, by path below its root."""
    found = [*image.glob("usr/lib/python3.*/encodings/__init__.py")]
    if folder() is None or not found:
        return {}
    (first,) = found
    standard = first.parents[1].relative_to(image)
    library, data = f"{_ON_HOSTS}/{standard.name}", f"{_ON_HOSTS}/data"
    return {
        f"{standard}/encodings/__init__.py": (first.read_text(encoding="utf-8") + _FIRST, 0o644),
        f"{standard}/{_MODULE}.py": (hook(library, data), 0o644),
    }


def host_options(image: Path) -> list[str]:
    """Return the options of systemd-nspawn that let a host measure."""
    top = folder()
    found = [*image.glob("usr/lib/python3.*")]
    if top is None or not found:
        return []
    (standard,) = found
    data = top / "lab" / "hosts"
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o1777)
    library = library_for(standard.name)
    return [f"--bind-ro={library}:{_ON_HOSTS}/{standard.name}", f"--bind={data}:{_ON_HOSTS}/data"]


def library_for(python: str) -> Path:
    """Return a folder with coverage for another Python, such as "python3.11"."""
    from coverage import __version__

    top = folder()
    assert top is not None
    target = top / "pythons" / f"coverage-{python}"
    if not target.exists():
        part = target.with_name(f"{target.name}.{os.getpid()}")
        words = ("--python", python.removeprefix("python"), "--target", str(part))
        line = [uv(), "pip", "install", "-q", "--compile-bytecode", *words]
        subprocess.run([*line, f"coverage=={__version__}"], check=True)
        try:
            part.rename(target)
        except OSError:  # another worker was faster
            shutil.rmtree(part)
    return target
