"""Installed distributions, split by their RECORD into trees that are the same on every machine."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.locks.base import normal_name
from django_deploykit.bundle.packing import Tree
from django_deploykit.errors import BundleError, Problems
from django_deploykit.runtime.base.machine import here_glibc
from django_deploykit.runtime.base.names import is_number
from django_deploykit.runtime.bundle.manifest import is_valid_path

# Files that differ between machines and are not read at run time.
_DROPPED = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
# The build tool writes its version here.
_GENERATOR = re.compile(r"^Generator: .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Distribution:
    """An installed distribution.

    ``info`` is its ``.dist-info`` folder. ``rows`` are the rows of its RECORD that are bundled.
    """

    info: Path
    name: str
    version: str
    built: bool  # whether it was built from source on this machine
    rows: tuple[tuple[str, ...], ...]

    def digest(self, path: str) -> str:
        """Return a file's digest in RECORD, or an empty string if RECORD does not list the file."""
        return next((row[1] for row in self.rows if os.path.normpath(row[0]) == path), "")

    @property
    def title(self) -> str:
        """Its name and version."""
        return f"{self.name} {self.version}"


def site_packages(venv: Path) -> Path:
    """Return the site-packages folder of a virtualenv."""
    return next((venv / "lib").glob("python3*")) / "site-packages"


def read_distributions(site: Path, built: Collection[str] = ()) -> list[Distribution]:
    """Return the installed distributions, sorted by ``.dist-info``.

    ``built`` are the names of those whose wheels were built on this machine.
    """
    return [_read(info, built) for info in sorted(site.glob("*.dist-info"))]


def _read(info: Path, own: Collection[str]) -> Distribution:
    text = (info / "RECORD").read_text(encoding="utf-8")
    rows = sorted(tuple(row) for row in csv.reader(io.StringIO(text)) if row)
    name, version = _name_and_version(info)
    wheel = info / "WHEEL"
    tags = wheel.read_text(encoding="utf-8", errors="replace") if wheel.exists() else ""
    here = name in own or (info / "uv_build.json").exists()
    built = here or f"-linux_{os.uname().machine}" in tags
    sources = {row[0] for row in rows if row[0].endswith(".py")}
    kept = tuple(row for row in rows if _belongs(row[0], info.name, sources))
    return Distribution(info, name, version, built, kept)


def _name_and_version(info: Path) -> tuple[str, str]:
    name = version = ""
    for line in (info / "METADATA").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("Name: "):
            name = line[6:].strip()
        elif line.startswith("Version: "):
            version = line[9:].strip()
        elif not line:
            break
    return normal_name(name), version


def _belongs(path: str, info: str, sources: Collection[str]) -> bool:
    """Whether a file is bundled. Bytecode is bundled only if its source is not installed."""
    folder, _, name = path.rpartition("/")
    if folder == info and name in _DROPPED:
        return False
    return not path.endswith(".pyc") or _source_of(path) not in sources


def _source_of(path: str) -> str:
    """Return the source of a file of bytecode.

    >>> _source_of("a/__pycache__/b.cpython-311.pyc"), _source_of("a/b.pyc")
    ('a/b.py', 'a/b.py')
    """
    folder, _, name = path.rpartition("/")
    folder = folder.removesuffix("__pycache__")
    return os.path.join(folder, name.partition(".")[0] + ".py")


def iter_unlisted(found: Sequence[Distribution], site: Path) -> Iterator[str]:
    """Yield the installed files that no RECORD lists, relative to site-packages.

    Files of the virtualenv itself, and bytecode that was compiled here, are left out.
    """
    known = {os.path.normpath(row[0]) for one in found for row in one.rows}
    for folder, names, files in os.walk(site):
        names[:] = sorted(set(names) - {"__pycache__"})
        base = os.path.relpath(folder, site)
        for name in sorted(files):
            path = os.path.normpath(os.path.join(base, name))
            own = base == "." and name.startswith("_virtualenv.")
            dropped = base.endswith(".dist-info") and name in _DROPPED
            if not (path in known or own or dropped or name.endswith(".pyc")):
                yield path


def shared_files(found: Sequence[Distribution]) -> dict[str, list[Distribution]]:
    """Return each path that several distributions install, with these distributions.

    The first of them owns the file.
    """
    owners: dict[str, list[Distribution]] = {}
    for one in found:
        for row in one.rows:
            owners.setdefault(os.path.normpath(row[0]), []).append(one)
    return {path: them for path, them in owners.items() if len(them) > 1}


def disputed(site: Path, shared: dict[str, list[Distribution]]) -> list[Distribution]:
    """Return the distributions that own a file which another distribution has overwritten.

    This happens because uv installs in any order. After these distributions are reinstalled in the
    returned order, each file is its owner's.
    """
    found = {}
    for path, owners in shared.items():
        wanted = owners[0].digest(path)
        if differs(path, owners) and wanted != record_digest((site / path).read_bytes()):
            found[owners[0].info] = owners[0]
    return [found[info] for info in sorted(found, reverse=True)]


def differs(path: str, owners: Sequence[Distribution]) -> bool:
    """Whether the files of several distributions at one path differ."""
    return len({one.digest(path) for one in owners}) > 1


def record_digest(data: bytes) -> str:
    """Return a file's digest in the notation of RECORD."""
    raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={raw.rstrip(b'=').decode()}"


def split(
    found: Sequence[Distribution], site: Path, venv: Path, shared: dict[str, list[Distribution]]
) -> Iterator[Tree]:
    """Yield a tree for each distribution, and rewrite its metadata to be the same everywhere."""
    for one in found:
        rows = _rewrite(one)
        files = {
            _layer_path(row[0], site, venv): os.path.join(site, row[0])
            for row in rows
            if shared.get(os.path.normpath(row[0]), [one])[0] is one
        }
        bad = [path for path in files if not is_valid_path(path) or path.startswith("app/")]
        if bad:
            raise Problems(
                f"{one.title} installs files that a release cannot contain:",
                bad,
                "Releases use these names themselves, or some systems cannot write them.",
            )
        yield Tree("distribution", one.name, one.version, tuple(sorted(files.items())))


def _rewrite(one: Distribution) -> tuple[tuple[str, ...], ...]:
    """Remove dropped files from RECORD and the build tool from WHEEL. Return RECORD's rows."""
    rows = one.rows
    wheel = one.info / "WHEEL"
    if one.built and wheel.exists():
        text = _GENERATOR.sub("", wheel.read_text(encoding="utf-8"))
        _replace(wheel, text)
        own = f"{one.info.name}/WHEEL"
        size = str(len(text.encode("utf-8")))
        fresh = (own, record_digest(text.encode("utf-8")), size)
        rows = tuple(fresh if row[0] == own else row for row in rows)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    _replace(one.info / "RECORD", out.getvalue())
    return rows


def _replace(path: Path, text: str) -> None:
    if path.read_text(encoding="utf-8") != text:
        path.unlink()  # it may be a hard link into uv's cache
        path.write_text(text, encoding="utf-8")


def _layer_path(path: str, site: Path, venv: Path) -> str:
    full = os.path.normpath(os.path.join(site, path))
    relative = os.path.relpath(full, venv)
    if relative.startswith(".."):
        raise BundleError(f"a distribution installs {path}, outside its environment")
    return relative.replace(os.sep, "/")


def wheel_tags(site: Path) -> Iterator[tuple[str, ...]]:
    """Yield the platform tags of each distribution's wheel."""
    for path in site.glob("*.dist-info/WHEEL"):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        tags = [line[5:].strip().rpartition("-")[2] for line in lines if line.startswith("Tag: ")]
        yield tuple(part for tag in tags for part in tag.split("."))


def platform_of(tags: Sequence[tuple[str, ...]], platform: str) -> tuple[str, str]:
    """Return the platform that wheels need, and the oldest glibc version that can run them.

    The platform is ``any`` if all wheels run everywhere. The glibc version is an empty string if
    no wheel needs one.

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
    if parts[0] == "manylinux" and len(parts) > 2 and all(map(is_number, parts[1:3])):
        return int(parts[1]), int(parts[2])
    if parts[0] == "linux" and here_glibc():  # built here, so it needs this machine's glibc
        major, minor = here_glibc().split(".")[:2]
        return int(major), int(minor)
    return None
