"""The locked environment: installed by uv once for each lock, kept, and split into one tree each distribution."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django_deploykit.bundle.distributions import (
    Distribution,
    differs,
    disputed,
    platform_of,
    read_distributions,
    shared_files,
    site_packages,
    split,
    wheel_tags,
)
from django_deploykit.bundle.layers import cache_folder, digest_of_text, layer_folder
from django_deploykit.bundle.locks.base import Lock, Requirement, normal_name
from django_deploykit.bundle.locks.uv import find_uv, run_uv
from django_deploykit.bundle.packing import pack_all
from django_deploykit.bundle.project_side.pack_layers import file_digest, whole
from django_deploykit.bundle.scratch import scratch
from django_deploykit.errors import BundleError
from django_deploykit.progress import Progress
from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import Layer

_KEPT_ENVIRONMENTS = 6


@dataclass(frozen=True)
class Target:
    """What a bundle is for: the Python that runs it and the platform."""

    python: str  # "3.11"
    executable: str  # that Python on this machine
    full: str  # "3.11.7"
    platform: str  # "linux-x86_64"

    @property
    def foreign(self) -> bool:
        """Whether the platform is not this machine's."""
        return self.platform != here_platform()


@dataclass(frozen=True)
class Environment:
    """An installed lock: its folder, its layers, what platform and C library they need."""

    folder: Path
    layers: tuple[Layer, ...]
    platform: str
    glibc: str
    built: tuple[str, ...]  # distributions that had to be built from source
    missing: tuple[str, ...]  # what installed distributions need and the lock does not hold
    shared: tuple[str, ...]  # files that several distributions hold, differently

    @property
    def python(self) -> str:
        """The environment's Python."""
        return str(self.folder / "venv" / "bin" / "python")


def find_target(python: str, platform: str) -> Target:
    """Return the target; :class:`BundleError` where this machine lacks that Python."""
    here = "{}.{}".format(*sys.version_info)
    version = python or here
    if not re.fullmatch(r"3\.[0-9]{1,2}", version):
        raise BundleError(f"there is no Python {version!r}", f"Name one like {here}.")
    if version == here:
        full = "{}.{}.{}".format(*sys.version_info)
        executable = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    else:
        executable, full = _other_python(version, here)
    return Target(version, executable, full, platform or here_platform())


def _other_python(version: str, here: str) -> tuple[str, str]:
    """Return the path and the full version of another Python: on the PATH, or where uv finds one."""
    found = [shutil.which(f"python{version}")]
    words = [find_uv(), "python", "find", "--no-project", "--offline", version]
    found.append(subprocess.run(words, capture_output=True, text=True).stdout.strip())
    code = "import platform, sys; print(platform.python_version(), getattr(sys, '_base_executable', sys.executable))"
    for path in found:
        if not path:
            continue
        done = subprocess.run([path, "-c", code], capture_output=True, text=True)
        full, _, real = done.stdout.strip().partition(" ")
        if done.returncode == 0 and full.startswith(f"{version}."):
            return os.path.realpath(real or path), full
    raise BundleError(
        f"there is no python{version} on this machine",
        f"Bytecode is made by the Python that runs it: install Python {version}, or use --python {here}.",
    )


def ensure_environment(
    lock: Lock, target: Target, export: Path, progress: Progress, *, packed: bool = True
) -> Environment:
    """Return the installed environment of a lock, from the cache where it was installed before."""
    key = _key(lock, target, export)
    folder = cache_folder() / "environments" / key
    record = folder / "environment.json"
    if not record.exists() or not _usable(record, packed=packed):
        _install(lock, target, export, folder, progress, packed=packed)
    os.utime(folder)
    data = json.loads(record.read_text(encoding="utf-8"))
    layers = tuple(Layer(**row) for row in data.pop("layers"))
    return Environment(
        folder,
        layers,
        data["platform"],
        data["glibc"],
        tuple(data["built"]),
        tuple(data["missing"]),
        tuple(data["shared"]),
    )


def _key(lock: Lock, target: Target, export: Path) -> str:
    """Return the cache's key: everything that what is installed depends on."""
    texts = []
    for one in lock.requirements:
        path = export / one.target.partition("#")[0].removeprefix("file:")
        texts.append(one.line())
        if one.local and path.is_file():
            texts.append(file_digest(str(path)))
        elif one.local and path.is_dir():
            texts += [
                f"{inner}:{file_digest(str(inner))}"
                for inner in sorted(path.rglob("*"))
                if inner.is_file()
            ]
    texts = [text.replace(str(export), "") for text in texts]
    return digest_of_text(target.full, target.executable, target.platform, *texts)[:32]


def _usable(record: Path, *, packed: bool) -> bool:
    """Whether a cached environment's layers are all in the cache, and its Python still starts."""
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    cache = str(layer_folder())
    there = all(whole(cache, row["sha256"]) for row in data["layers"])
    return (
        there
        and (bool(data["layers"]) or not packed)
        and os.path.exists(record.parent / "venv" / "bin" / "python")
    )


def _install(
    lock: Lock, target: Target, export: Path, folder: Path, progress: Progress, *, packed: bool
) -> None:
    """Install a lock in ``folder``, all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _forget_old(folder.parent)
    with scratch(folder.parent) as place:
        venv = place / "venv"
        words = ["venv", "--quiet", "--relocatable", "--no-project"]
        run_uv([*words, "--python", target.executable, str(venv)], export, "making a virtualenv")
        with progress.step("install"):
            _fill(venv, lock, target, export, place)
        site = site_packages(venv)
        found, shared = _settle_shared(venv, site, lock, target, export, place)
        trees = list(split(found, site, venv, shared))
        layers: list[Layer] = []
        if packed:
            with progress.step("pack"):
                layers = pack_all(trees, target.executable, beside=True)
        platform, glibc = platform_of(list(wheel_tags(site)), target.platform)
        data = {
            "layers": [asdict(layer) for layer in layers],
            "platform": platform,
            "glibc": glibc,
            "built": [one.title for one in found if one.built],
            "missing": _missing(venv, export) if not target.foreign else [],
            "shared": [
                f"{path} is {owners[0].name}'s, and not {', '.join(one.name for one in owners[1:])}'s"
                for path, owners in shared.items()
                if differs(path, owners)
            ],
        }
        (place / "environment.json").write_text(json.dumps(data), encoding="utf-8")
        _move(place, folder, packed=packed)


def _move(place: Path, folder: Path, *, packed: bool) -> None:
    """Put an installed environment where it is kept.

    One that another build put there meanwhile will do, and stays: that build runs from it.
    """
    if _usable(folder / "environment.json", packed=packed):
        return
    with suppress(FileNotFoundError):
        os.rename(folder, place / "unusable")
    final = place / "final"
    final.mkdir()
    for name in ("venv", "environment.json"):
        os.rename(place / name, final / name)
    try:
        os.rename(final, folder)
    except OSError:
        if not folder.is_dir():
            raise


def _settle_shared(
    venv: Path, site: Path, lock: Lock, target: Target, export: Path, place: Path
) -> tuple[list[Distribution], dict[str, list[Distribution]]]:
    """Return what is installed, after files of several distributions became those of the first."""
    found = read_distributions(site)
    shared = shared_files(found)
    for one in disputed(site, shared):
        mine = [row for row in lock.requirements if normal_name(row.distribution) == one.name]
        _fill(venv, replace(lock, requirements=tuple(mine)), target, export, place, ["--reinstall"])
    return found, shared


def _fill(
    venv: Path,
    lock: Lock,
    target: Target,
    export: Path,
    place: Path,
    more: Sequence[str] = (),
) -> None:
    """Install what has hashes held to them, then the rest (full commits, folders of the repository)."""
    base = ["pip", "install", "--quiet", "--no-deps", "--python", str(venv / "bin" / "python")]
    if target.foreign:
        base += ["--python-platform", _uv_platform(target.platform), "--only-binary", ":all:"]
    parts: tuple[tuple[str, tuple[Requirement, ...], str], ...] = (
        ("hashed", lock.hashed, "--require-hashes"),
        ("bare", lock.bare, "--no-verify-hashes"),
    )
    for name, requirements, flag in parts:
        if requirements:
            path = place / f"{name}.txt"
            lines = [*lock.options, *(one.line() for one in requirements)]
            path.write_text("\n".join([*lines, ""]), encoding="utf-8")
            words = [*base, *more, flag, "-r", str(path)]
            run_uv(words, export, f"installing what {lock.path} locks")


def _uv_platform(platform: str) -> str:
    known = {
        "linux-x86_64": "x86_64-manylinux_2_28",
        "linux-aarch64": "aarch64-manylinux_2_28",
        "darwin-arm64": "aarch64-apple-darwin",
        "darwin-aarch64": "aarch64-apple-darwin",
        "darwin-x86_64": "x86_64-apple-darwin",
    }
    if platform not in known:
        raise BundleError(
            f"the platform {platform!r} is unknown", f"Known are {', '.join(sorted(known))}."
        )
    return known[platform]


def _missing(venv: Path, export: Path) -> list[str]:
    """Return what installed distributions need and the lock lacks, as uv says it."""
    done = subprocess.run(
        [find_uv(), "pip", "check", "--python", str(venv / "bin" / "python")],
        cwd=export,
        capture_output=True,
        text=True,
        errors="replace",
    )
    return [line.strip() for line in done.stderr.splitlines() if line.startswith("The package")]


def _forget_old(folder: Path) -> None:
    """Keep the environments that were used last."""
    known = sorted(
        (path for path in folder.iterdir() if (path / "environment.json").exists()),
        key=lambda one: one.stat().st_mtime,
    )
    for path in known[:-_KEPT_ENVIRONMENTS]:
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".deploykit-*"):
        if time.time() - path.stat().st_mtime > 24 * 3600:
            shutil.rmtree(path, ignore_errors=True)
