"""The base of an image: what it has, and whether a bundle can run on it."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.formats.oci import Named
from django_deploykit.bundle.formats.oci_groups import MOST
from django_deploykit.bundle.formats.oci_layout import (
    GZIP,
    MANIFEST,
    TAR,
    Descriptor,
    Layout,
    as_list,
)
from django_deploykit.bundle.formats.oci_read_tar import Member, TarReader
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Manifest

_HINT = "Write it in deploykit.ini: [format:oci] base = FILE@sha256:DIGEST"
_ENGINES = 127  # layers of an image that Docker mounts
_OURS = MOST + 2
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_GLIBC = re.compile(rb"GNU C Library [^\0\n]{0,200}?version (\d{1,2}\.\d{1,3})")
_LIBC = re.compile(r"libc\.so\.6|libc-2\.\d+\.so")
_LARGEST_LIBC = 32 << 20
_PYTHON = re.compile(r"python3(?:\.\d{1,2})?")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Contents:
    """What a base has: the real paths of its Pythons by version, and the version of its glibc."""

    pythons: Mapping[str, str]
    glibc: str


@dataclass(frozen=True)
class Base:
    """An image to build on: ``config`` is its document, ``layers`` are in ``layout``."""

    digest: str
    config: Document
    layers: tuple[Descriptor, ...]
    layout: Layout
    contents: Contents

    @property
    def run(self) -> Document:
        """What containers of the base run with: environment, labels, …"""
        found = self.config.get("config")
        return found if isinstance(found, dict) else {}


def read_base(named: Named, folder: Path, manifest: Manifest) -> Base:
    """Return the base, which fits the manifest. Raise :class:`BundleError` if it does not fit."""
    path = folder / named.path
    if not path.exists():
        raise BundleError(f"the base image {path} does not exist", _HINT)
    layout = Layout(path)
    if not named.digest or named.digest not in layout.places:
        known = ", ".join(layout.names()) or "no image"
        what = f"has no image sha256:{named.digest}" if named.digest else "needs its digest"
        raise BundleError(f"the base image {path} {what}; its index.json lists {known}", _HINT)
    image = _image(layout, layout.document(named.digest), manifest)
    config = layout.document(layout.descriptor(image.get("config")).digest)
    layers = tuple(layout.descriptor(row) for row in as_list(image.get("layers")))
    _validate(layout, config, layers, manifest)
    digests = [one.digest for one in layers]
    key = cache_key("1", *digests, json.dumps(config, sort_keys=True))
    text = cached_text("oci-base", key)
    contents = Contents(**json.loads(text)) if text else _scan(layout, config, layers)
    if text is None:
        keep_text("oci-base", key, json.dumps(asdict(contents)))
    _validate_contents(path, contents, manifest)
    return Base(named.digest, config, layers, layout, contents)


def _image(layout: Layout, document: Document, manifest: Manifest) -> Document:
    """Return the manifest of the image; of an index, the one for the bundle's platform."""
    rows = as_list(document.get("manifests"))
    if not rows:
        return document
    wanted = _architecture(manifest) or "amd64"
    found = []
    for row in rows:
        platform = row.get("platform") if isinstance(row, dict) else None
        where = platform if isinstance(platform, dict) else {}
        found.append(f"{where.get('os')}/{where.get('architecture')}")
        if found[-1] == f"linux/{wanted}":
            one = layout.descriptor(row)
            if one.media_type == MANIFEST:
                return layout.document(one.digest)
    raise BundleError(
        f"the base image {layout.path} has no image for linux/{wanted}; it has {', '.join(found)}"
    )


def _architecture(manifest: Manifest) -> str:
    """Return the bundle's architecture, as images name it, or "" if it runs on any."""
    if manifest.platform == "any":
        return ""
    machine = manifest.platform.partition("-")[2]
    return ARCHITECTURES.get(machine, machine)


def _validate(
    layout: Layout, config: Document, layers: tuple[Descriptor, ...], manifest: Manifest
) -> None:
    """Refuse an image that cannot be read, or is for another machine."""
    root = config.get("rootfs")
    diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
    plain = isinstance(diff_ids, list) and all(isinstance(one, str) for one in diff_ids)
    if not plain or len(diff_ids or ()) != len(layers) or not layers:
        raise layout.damaged("its configuration does not list its layers")
    for one in layers:
        if one.media_type not in (GZIP, TAR):
            raise BundleError(
                f"the base image {layout.path} has a layer of type {one.media_type!r}, "
                "which cannot be checked",
                "skopeo copy --dest-compress-format gzip --dest-force-compress-format … writes "
                "others.",
            )
    if len(layers) > _ENGINES - _OURS:
        raise BundleError(
            f"the base image {layout.path} has {len(layers)} layers, and at most "
            f"{_ENGINES - _OURS} leave room for the project's"
        )
    wanted, system = _architecture(manifest), config.get("os")
    if system != "linux" or wanted not in ("", config.get("architecture")):
        raise BundleError(
            f"the base image {layout.path} is for {system}/{config.get('architecture')}; "
            f"the bundle is for {manifest.platform}",
            "Use a base image for this platform, or build with --platform.",
        )


def _validate_contents(path: Path, contents: Contents, manifest: Manifest) -> None:
    if manifest.python not in contents.pythons:
        others = ", ".join(sorted(contents.pythons)) or "none"
        raise BundleError(
            f"the bundle needs Python {manifest.python}, and the base image {path} has {others} "
            "on its PATH",
            "Use a base image with this Python, or build the bundle with --python.",
        )
    if manifest.platform == "any" or not manifest.glibc:
        return
    here = contents.glibc
    if not here or _numbers(here) < _numbers(manifest.glibc):
        raise BundleError(
            f"the bundle needs glibc {manifest.glibc} or newer, and the base image {path} has "
            f"{here or 'another C library'}"
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def search_path(run: Document) -> str:
    """Return the PATH of an image."""
    for row in as_list(run.get("Env")):
        if isinstance(row, str) and row.startswith("PATH="):
            return row[len("PATH=") :]
    return _PATH


def _scan(layout: Layout, config: Document, layers: tuple[Descriptor, ...]) -> Contents:
    """Read all layers of a base, and verify them."""
    found: dict[str, str] = {}  # paths of Pythons and C libraries; the target of a link, or ""
    libraries: dict[str, str] = {}  # the versions of C libraries, by path
    for layer, diff_id in zip(layers, config["rootfs"]["diff_ids"], strict=True):
        with layout.opened_tar(layer, diff_id) as file:
            reader = TarReader(file, f"a layer of {layout.path}")
            for member in reader:
                _look(member, reader, found, libraries)
            while file.read(1 << 18):
                pass
    run = config.get("config")
    path = search_path(run if isinstance(run, dict) else {})
    glibc = [version for place, version in libraries.items() if place in found]
    return Contents(dict(_pythons(found, path)), max(glibc, key=_numbers, default=""))


def _look(
    member: Member, reader: TarReader, found: dict[str, str], libraries: dict[str, str]
) -> None:
    """Record a member of a layer that matters, and remove what it removes from lower layers."""
    folder, _, name = member.path.rpartition("/")
    if name.startswith(".wh."):
        gone = folder if name == ".wh..wh..opq" else posixpath.join(folder, name[4:])
        for path in [one for one in found if one == gone or one.startswith(f"{gone}/")]:
            del found[path]
    elif _LIBC.fullmatch(name) and member.is_file and member.size <= _LARGEST_LIBC:
        version = _GLIBC.search(reader.read(member.size))
        found[member.path] = ""
        libraries[member.path] = version[1].decode() if version else ""
        if not version:
            del libraries[member.path]
    elif _PYTHON.fullmatch(name):
        found[member.path] = member.target if not member.is_file else ""


def _pythons(found: Mapping[str, str], search: str) -> Iterator[tuple[str, str]]:
    """Yield versions and real paths of the Pythons on a PATH, the first of each version."""
    seen = set()
    for folder in search.split(":"):
        for path in sorted(found):
            parent, _, name = path.rpartition("/")
            if f"/{parent}" != folder.rstrip("/") or not _PYTHON.fullmatch(name):
                continue
            real = _real(path, found)
            version = re.search(r"python(3\.\d{1,2})$", real)
            if version and version[1] not in seen:
                seen.add(version[1])
                yield version[1], f"/{real}"


def _real(path: str, found: Mapping[str, str]) -> str:
    """Return the file that a path names, or "" if it is none of those found."""
    for _ in range(10):
        if path not in found:
            return ""
        target = found[path]
        if not target:
            return path
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")
    return ""
