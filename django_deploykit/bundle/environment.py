"""The locked environment, with one layer per distribution.

uv installs it once for each lock file, and it is cached.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_folder, cache_key, is_cached
from django_deploykit.bundle.distributions import (
    Distribution,
    differs,
    disputed,
    iter_unlisted,
    platform_of,
    read_distributions,
    shared_files,
    site_packages,
    split,
    wheel_tags,
)
from django_deploykit.bundle.folder_wheels import FolderWheel, build_wheels, with_wheels
from django_deploykit.bundle.locks.base import LockFile, Requirement, normal_name
from django_deploykit.bundle.locks.indexes import index_arguments, is_argument
from django_deploykit.bundle.locks.requirements import local_option
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.bundle.run_uv import find_uv, run_uv
from django_deploykit.bundle.scratch import remove_abandoned, scratch
from django_deploykit.errors import BundleError
from django_deploykit.progress import Progress
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import Layer

_MOST = 6  # environments that stay in the cache


_PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "darwin-arm64": "aarch64-apple-darwin",
    "darwin-aarch64": "aarch64-apple-darwin",
    "darwin-x86_64": "x86_64-apple-darwin",
}


@dataclass(frozen=True)
class TargetPython:
    """The Python and the platform that a bundle is for."""

    python: str  # "3.11"
    executable: str  # that Python on this machine
    full: str  # "3.11.7"
    platform: str  # "linux-x86_64"

    @property
    def foreign(self) -> bool:
        """Whether the platform is not this machine's."""
        return self.platform != here_platform()


@dataclass(frozen=True)
class InstalledEnvironment:
    """An installed lock file: its folder and layers, and the platform and glibc that they need."""

    folder: Path
    layers: tuple[Layer, ...]
    platform: str
    glibc: str
    built: tuple[str, ...]  # distributions that were built from source
    missing: tuple[str, ...]  # requirements of distributions that the lock file lacks
    shared: tuple[str, ...]  # files that differ between the distributions that have them
    unlisted: tuple[str, ...] = ()  # installed files that no distribution's RECORD lists

    @property
    def python(self) -> str:
        """The environment's Python."""
        return str(self.folder / "venv" / "bin" / "python")


def find_target(python: str, platform: str) -> TargetPython:
    """Return the target. Raise :class:`BundleError` if this machine does not have that Python."""
    here = "{}.{}".format(*sys.version_info)
    version = python or here
    if not re.fullmatch(r"3\.[0-9]{1,2}", version):
        raise BundleError(f"{version!r} is not a version of Python", f"Use one like {here}.")
    if version == here:
        full = "{}.{}.{}".format(*sys.version_info)
        executable = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    else:
        executable, full = _other_python(version, here)
    return TargetPython(version, executable, full, platform or here_platform())


def _other_python(version: str, here: str) -> tuple[str, str]:
    """Return the path and full version of another Python, from the PATH or from uv."""
    words = [find_uv(), "python", "find", "--no-project", "--offline", version]
    by_uv = subprocess.run(words, capture_output=True, text=True).stdout.strip()
    code = "import platform, sys; print(platform.python_version(), getattr(sys, '_base_executable', sys.executable))"
    for path in filter(None, (shutil.which(f"python{version}"), by_uv)):
        done = subprocess.run([path, "-c", code], capture_output=True, text=True)
        full, _, real = done.stdout.strip().partition(" ")
        if done.returncode == 0 and full.startswith(f"{version}."):
            return os.path.realpath(real or path), full
    raise BundleError(
        f"there is no python{version} on this machine",
        f"Bytecode is compiled by the Python that runs it: install Python {version}, or use --python {here}.",
    )


def ensure_environment(
    lock: LockFile, target: TargetPython, export: Path, progress: Progress, *, packed: bool = True
) -> InstalledEnvironment:
    """Return the installed environment of a lock file, from the cache if possible.

    Without ``packed`` the environment may have no layers.
    """
    built_by = (target.executable, target.full, here_platform())
    wheels = build_wheels(lock, built_by, export, progress)
    folder = cache_folder() / "environments" / _key(lock, wheels, target, export)
    if not _usable(folder, packed=packed):
        base = _base(lock, wheels, target, export, progress, packed=packed)
        work = _Work(with_wheels(lock, wheels), target, export, base, _names(wheels))
        _install(work, folder, progress, packed=packed)
    os.utime(folder)
    return _read(folder)


def _read(folder: Path) -> InstalledEnvironment:
    data = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    layers = tuple(Layer(**row) for row in data.pop("layers"))
    lists = {name: tuple(data[name]) for name in ("built", "missing", "shared", "unlisted")}
    return InstalledEnvironment(folder, layers, data["platform"], data["glibc"], **lists)


def _base(
    lock: LockFile,
    wheels: Mapping[Requirement, FolderWheel],
    target: TargetPython,
    export: Path,
    progress: Progress,
    *,
    packed: bool,
) -> InstalledEnvironment | None:
    """Return the environment without the wheels of folders, which change more often.

    Return None if there are no such wheels, or nothing else.
    """
    others = tuple(one for one in lock.requirements if one not in wheels)
    if not wheels or not others:
        return None
    rest = replace(lock, requirements=others)
    return ensure_environment(rest, target, export, progress, packed=packed)


def _names(wheels: Mapping[Requirement, FolderWheel]) -> frozenset[str]:
    return frozenset(one.name for one in wheels.values())


def _key(
    lock: LockFile,
    wheels: Mapping[Requirement, FolderWheel],
    target: TargetPython,
    export: Path,
) -> str:
    """Return the cache key: everything that the installed files depend on."""
    texts = []
    for one in lock.requirements:
        if one in wheels:
            texts.append(wheels[one].content)
            continue
        texts.append(one.line())
        path = export / one.target.partition("#")[0].removeprefix("file:")
        if one.local and path.is_file():
            texts.append(f"{path}:{hash_file(path)}")
    texts = [text.replace(str(export), "") for text in texts]
    return cache_key(target.full, target.executable, target.platform, *texts)


def _usable(folder: Path, *, packed: bool) -> bool:
    """Whether an environment and all its layers are in the cache."""
    try:
        data = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    layers = data["layers"]
    return (
        all(is_cached(row["sha256"]) for row in layers)
        and (bool(layers) or not packed)
        and (folder / "venv" / "bin" / "python").exists()
    )


@dataclass(frozen=True)
class _Work:
    """What to install.

    ``base`` is an environment that has everything except the distributions ``own``.
    """

    lock: LockFile
    target: TargetPython
    export: Path
    base: InstalledEnvironment | None
    own: frozenset[str]

    @property
    def left(self) -> LockFile:
        """The requirements that the base does not have."""
        if self.base is None:
            return self.lock
        rows = [one for one in self.lock.requirements if normal_name(one.distribution) in self.own]
        return replace(self.lock, requirements=tuple(rows))


def _install(work: _Work, folder: Path, progress: Progress, *, packed: bool) -> None:
    """Install a lock file in ``folder``, completely or not at all."""
    target, export = work.target, work.export
    folder.parent.mkdir(parents=True, exist_ok=True)
    _prune(folder.parent)
    with scratch(folder.parent) as place:
        venv = place / "venv"
        with progress.step("install"):
            _make_venv(venv, work)
            _fill(venv, work.left, target, export, place)
        site = site_packages(venv)
        found, shared = _settle_shared(venv, site, work, place)
        unlisted = list(iter_unlisted(found, site))
        trees = list(split(found, site, venv, shared))
        layers: list[Layer] = []
        if packed:
            with progress.step("pack"):
                layers = _pack(trees, shared, work)
        platform, glibc = platform_of(list(wheel_tags(site)), target.platform)
        data = {
            "layers": [asdict(layer) for layer in layers],
            "platform": platform,
            "glibc": glibc,
            "built": [one.title for one in found if one.built],
            "unlisted": unlisted,
            "missing": _missing(venv, export) if not target.foreign else [],
            "shared": [
                f"{path} is from {owners[0].name}, not from {', '.join(one.name for one in owners[1:])}"
                for path, owners in shared.items()
                if differs(path, owners)
            ],
        }
        (place / "environment.json").write_text(json.dumps(data), encoding="utf-8")
        _move(place, folder, packed=packed)


def _make_venv(venv: Path, work: _Work) -> None:
    """Make a virtualenv, or copy that of the base."""
    if work.base is not None:
        shutil.copytree(work.base.folder / "venv", venv, symlinks=True)
        return
    words = ["venv", "--quiet", "--relocatable", "--no-project"]
    words += ["--python", work.target.executable, str(venv)]
    run_uv(words, work.export, "making a virtualenv")


def _pack(
    trees: Sequence[Tree], shared: Mapping[str, Sequence[Distribution]], work: _Work
) -> list[Layer]:
    """Return the layers of all trees. Those that are the base's are not packed again."""
    known = {layer.name: layer for layer in work.base.layers} if work.base else {}
    for owners in shared.values():
        names = {one.name for one in owners}
        if names & work.own:
            known = {name: layer for name, layer in known.items() if name not in names}
    new = [tree for tree in trees if tree.name not in known]
    packed = iter(pack_all(new, work.target.executable, beside=True))
    return [known[tree.name] if tree.name in known else next(packed) for tree in trees]


def _move(place: Path, folder: Path, *, packed: bool) -> None:
    """Move an installed environment to the cache.

    If another build has stored the same environment meanwhile, that one stays, because that build
    runs from it.
    """
    if _usable(folder, packed=packed):
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
    venv: Path, site: Path, work: _Work, place: Path
) -> tuple[list[Distribution], dict[str, list[Distribution]]]:
    """Return the installed distributions, and the files that several of them install.

    Distributions are reinstalled so that each shared file comes from the first one that has it.
    """
    found = read_distributions(site, work.own)
    shared = shared_files(found)
    for one in disputed(site, shared):
        rows = work.lock.requirements
        mine = tuple(row for row in rows if normal_name(row.distribution) == one.name)
        lock = replace(work.lock, requirements=mine)
        _fill(venv, lock, work.target, work.export, place, "--reinstall")
    return found, shared


def _fill(
    venv: Path, lock: LockFile, target: TargetPython, export: Path, place: Path, *more: str
) -> None:
    """Install the requirements that have hashes, which uv verifies, then the others.

    The others are, for example, full commits and local folders.
    """
    base = ["pip", "install", "--quiet", "--no-deps", "--python", str(venv / "bin" / "python")]
    if target.foreign:
        if target.platform not in _PLATFORMS:
            known = ", ".join(sorted(_PLATFORMS))
            raise BundleError(f"unknown platform {target.platform!r}", f"Use one of {known}.")
        base += ["--python-platform", _PLATFORMS[target.platform], "--only-binary", ":all:"]
    parts: tuple[tuple[str, tuple[Requirement, ...], str], ...] = (
        ("hashed", lock.hashed, "--require-hashes"),
        ("bare", lock.bare, "--no-verify-hashes"),
    )
    for name, requirements, flag in parts:
        if requirements:
            path = place / f"{name}.txt"
            options = [local_option(line, str(export)) for line in lock.options]
            lines = [one for one in options if not is_argument(one)]
            lines += [one.line() for one in requirements]
            path.write_text("\n".join([*lines, ""]), encoding="utf-8")
            words = [*base, *more, flag, "-r", str(path), *index_arguments(options)]
            if any("index" in line for line in options):
                words += ["--index-strategy", "unsafe-best-match"]  # the hashes decide
            run_uv(words, export, f"installing {lock.path}")


def _missing(venv: Path, export: Path) -> list[str]:
    """Return uv's lines about dependencies that are missing from the lock file."""
    words = [find_uv(), "pip", "check", "--python", str(venv / "bin" / "python")]
    done = subprocess.run(words, cwd=export, capture_output=True, text=True, errors="replace")
    return [line.strip() for line in done.stderr.splitlines() if line.startswith("The package")]


def _prune(folder: Path) -> None:
    """Keep the most recently used environments, and remove what interrupted builds left."""
    known = sorted(
        (path for path in folder.iterdir() if (path / "environment.json").exists()),
        key=lambda one: one.stat().st_mtime,
    )
    for path in known[:-_MOST]:
        shutil.rmtree(path, ignore_errors=True)
    remove_abandoned(folder)
