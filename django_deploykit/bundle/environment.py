"""The locked environment: installed by uv once for each lock, kept, and split into one tree each distribution."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django_deploykit.bundle.layers import (
    Tree,
    cache_folder,
    digest_of_text,
    layer_folder,
    pack_all,
)
from django_deploykit.bundle.lock import Lock
from django_deploykit.bundle.packer import file_digest, whole
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.uv import find_uv, run_uv
from django_deploykit.errors import BundleError
from django_deploykit.progress import Progress
from django_deploykit.runtime.entry import here_glibc, here_platform
from django_deploykit.runtime.manifest import Layer

# Files that differ between machines and that no program reads to run.
_DROPPED = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_KEPT_ENVIRONMENTS = 6
_LAYOUT = "3"  # of what is cached here; another number forgets all


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

    @property
    def python(self) -> str:
        """The environment's Python."""
        return str(self.folder / "venv" / "bin" / "python")


def find_target(python: str, platform: str) -> Target:
    """Return the target; :class:`BundleError` where this machine lacks that Python."""
    here = "{}.{}".format(*sys.version_info)
    version = python or here
    executable = sys.executable if version == here else shutil.which(f"python{version}")
    if executable is None:
        raise BundleError(
            f"there is no python{version} on this machine",
            f"Bytecode is made by the Python that runs it: install Python {version}, or use --python {here}.",
        )
    full = "{}.{}.{}".format(*sys.version_info)
    if version != here:
        code = "import platform; print(platform.python_version())"
        full = subprocess.run(
            [executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
    executable = os.path.realpath(
        getattr(sys, "_base_executable", executable) if version == here else executable
    )
    return Target(version, executable, full, platform or here_platform())


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
    )


def _key(lock: Lock, target: Target, export: Path) -> str:
    """Return the cache's key: everything that what is installed depends on."""
    texts = []
    for one in lock.requirements:
        path = export / one.text.partition(";")[0].partition("#")[0].strip().removeprefix("file:")
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
    return digest_of_text(_LAYOUT, target.full, target.executable, target.platform, *texts)[:32]


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    _forget_old(folder.parent)
    with scratch(folder.parent) as place:
        venv = place / "venv"
        run_uv(
            [
                "venv",
                "--quiet",
                "--relocatable",
                "--no-project",
                "--python",
                target.executable,
                str(venv),
            ],
            export,
            "making a virtualenv",
        )
        with progress.step("install"):
            _fill(venv, lock, target, export, place)
        built = _built(venv)
        site = site_packages(venv)
        trees = list(split(site, venv))
        layers: list[Layer] = []
        if packed:
            with progress.step("pack"):
                layers = pack_all(trees, target.executable)
        platform, glibc = platform_of(list(_tags(site)), target.platform)
        data = {
            "layers": [asdict(layer) for layer in layers],
            "platform": platform,
            "glibc": glibc,
            "built": built,
            "missing": _missing(venv, export) if not target.foreign else [],
        }
        (place / "environment.json").write_text(json.dumps(data), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        final = place / "final"
        final.mkdir()
        for name in ("venv", "environment.json"):
            os.rename(place / name, final / name)
        try:
            os.rename(final, folder)
        except OSError:
            if not folder.is_dir():
                raise


def _fill(venv: Path, lock: Lock, target: Target, export: Path, place: Path) -> None:
    """Install what has hashes held to them, then the rest (full commits, folders of the repository)."""
    base = [
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        str(venv / "bin" / "python"),
        "--no-config",
    ]
    if target.foreign:
        base += ["--python-platform", _uv_platform(target.platform), "--only-binary", ":all:"]
    parts = (
        ("hashed", lock.hashed, ["--require-hashes"]),
        ("bare", lock.bare, ["--no-verify-hashes"]),
    )
    for name, requirements, flags in parts:
        if requirements:
            path = place / f"{name}.txt"
            path.write_text("".join(f"{one.line()}\n" for one in requirements), encoding="utf-8")
            run_uv([*base, *flags, "-r", str(path)], export, f"installing what {lock.path} locks")


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


def site_packages(venv: Path) -> Path:
    """Return a virtualenv's folder of distributions."""
    return next((venv / "lib").glob("python3*")) / "site-packages"


def split(site: Path, venv: Path) -> Iterator[Tree]:
    """Yield one tree for each installed distribution, from its RECORD, rewritten so that it is the same everywhere."""
    for info in sorted(site.glob("*.dist-info")):
        rows = list(csv.reader(io.StringIO((info / "RECORD").read_text(encoding="utf-8"))))
        kept = sorted(row for row in rows if row and _belongs(row[0], info.name))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(kept)
        record = info / "RECORD"
        if record.read_text(encoding="utf-8") != text.getvalue():
            record.unlink()  # it may be a link into uv's cache
            record.write_text(text.getvalue(), encoding="utf-8")
        name, version = _name_and_version(info)
        files = tuple(
            sorted((_layer_path(row[0], site, venv), os.path.join(site, row[0])) for row in kept)
        )
        yield Tree("distribution", name, version, tuple(dict(files).items()))


def _belongs(path: str, info: str) -> bool:
    folder, _, name = path.rpartition("/")
    return not (
        path.endswith(".pyc") or "__pycache__/" in path or (folder == info and name in _DROPPED)
    )


def _layer_path(path: str, site: Path, venv: Path) -> str:
    full = os.path.normpath(os.path.join(site, path))
    relative = os.path.relpath(full, venv)
    if relative.startswith(".."):
        raise BundleError(f"a distribution installs {path}, outside its environment")
    return relative.replace(os.sep, "/")


def _name_and_version(info: Path) -> tuple[str, str]:
    name = version = ""
    for line in (info / "METADATA").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("Name: "):
            name = line[6:].strip()
        elif line.startswith("Version: "):
            version = line[9:].strip()
        elif not line:
            break
    return name.lower().replace("_", "-").replace(".", "-"), version


def _tags(site: Path) -> Iterator[tuple[str, ...]]:
    """Yield the platform tags of each distribution's wheel."""
    for path in site.glob("*.dist-info/WHEEL"):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        tags = [line[5:].strip().rpartition("-")[2] for line in lines if line.startswith("Tag: ")]
        yield tuple(part for tag in tags for part in tag.split("."))


def platform_of(tags: Sequence[tuple[str, ...]], platform: str) -> tuple[str, str]:
    """Return the platform that wheels need, "any" where all run everywhere, and the oldest glibc.

    >>> platform_of([("any",), ("manylinux_2_17_x86_64", "manylinux2014_x86_64")], "linux-x86_64")
    ('linux-x86_64', '2.17')
    """
    compiled = [group for group in tags if "any" not in group]
    if not compiled:
        return "any", ""
    needed = (0, 0)
    for group in compiled:
        versions = [found for tag in group if (found := _glibc(tag))]
        needed = max(needed, min(versions, default=(0, 0)))
    return platform, "{}.{}".format(*needed) if needed != (0, 0) else ""


def _glibc(tag: str) -> tuple[int, int] | None:
    known = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
    for name, version in known.items():
        if tag.startswith(name + "_"):
            return version
    parts = tag.split("_")
    if parts[0] == "manylinux" and len(parts) > 2 and parts[1].isdigit() and parts[2].isdigit():
        return int(parts[1]), int(parts[2])
    if parts[0] == "linux" and here_glibc():  # built here: needs what is here
        major, minor = here_glibc().split(".")[:2]
        return int(major), int(minor)
    return None


def _built(venv: Path) -> list[str]:
    """Return the distributions whose wheel was made here: uv notes no index for those tags."""
    found = []
    for info in sorted(site_packages(venv).glob("*.dist-info")):
        wheel = info / "WHEEL"
        text = wheel.read_text(encoding="utf-8", errors="replace") if wheel.exists() else ""
        if "Tag: " in text and any(
            f"-linux_{os.uname().machine}" in line for line in text.splitlines()
        ):
            found.append("{} {}".format(*_name_and_version(info)))
    return found


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
