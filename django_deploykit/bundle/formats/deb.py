"""The Debian package: the executable zip, with scripts that set a host up and put the release live.

It is written without Debian's tools. The zip is stored as it is, because its layers are compressed.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from django_deploykit.bundle.archives import (
    AR_START,
    ArchiveFile,
    ar_member,
    gzipped,
    write_tar,
)
from django_deploykit.bundle.formats import deb_control, deb_scripts, pyz
from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.bundle.shared_libraries import needed_by
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import Manifest

KEYS = deb_control.KEYS


def file_name(manifest: Manifest) -> str:
    """Return the default name of the file, ``PACKAGE_VERSION_ARCHITECTURE.deb``."""
    package, version = deb_control.package_name(manifest), deb_control.version_of(manifest)
    return f"{package}_{version}_{deb_control.architecture(manifest)}.deb"


def write(content: Content, path: Path) -> Written:
    """Write a package at ``path``."""
    with TemporaryDirectory(dir=path.parent, prefix=".deb-") as folder:
        bundle = Path(folder, "bundle")
        pyz.write(content, bundle)
        files = _files(content, bundle)
        _write(path, content, files)
    return Written(hash_file(path), path.stat().st_size)


FORMAT = Format(file_name, write)


def _files(content: Content, bundle: Path) -> dict[str, ArchiveFile]:
    """Return the files of the package, by relative path on the host."""
    manifest = content.manifest
    package = deb_control.package_name(manifest)
    docs = f"usr/share/doc/{package}"
    texts = {
        f"{docs}/changelog.gz": gzipped(deb_control.changelog(manifest, content.options).encode()),
        f"{docs}/copyright": deb_control.copyright_text(manifest).encode(),
        f"{docs}/sbom.cdx.json": content.files["sbom.cdx.json"],
        f"{docs}/examples/{manifest.project}.ini": content.files["sample.ini"],
        f"usr/share/lintian/overrides/{package}": deb_control.overrides(manifest).encode(),
    }
    return {
        deb_scripts.bundle_path(manifest).lstrip("/"): ArchiveFile(0o755, bundle),
        **{path: ArchiveFile(0o644, data) for path, data in texts.items()},
    }


def _control(content: Content, files: Mapping[str, ArchiveFile]) -> dict[str, ArchiveFile]:
    manifest = content.manifest
    libraries = needed_by(manifest.layers) if manifest.platform != "any" else {}
    size = sum(file.size for file in files.values()) + manifest.size
    control = deb_control.control(manifest, content.options, libraries, size)
    sums = "".join(f"{_md5(file)}  {path}\n" for path, file in sorted(files.items()))
    scripts = deb_scripts.scripts(manifest, content.options)
    return {
        "control": ArchiveFile(0o644, control.encode()),
        "md5sums": ArchiveFile(0o644, sums.encode()),
        **{name: ArchiveFile(0o755, text.encode()) for name, text in scripts.items()},
    }


def _write(path: Path, content: Content, files: Mapping[str, ArchiveFile]) -> None:
    moment = content.manifest.commit_time
    control = _control(content, files)
    with path.open("wb") as target:
        target.write(AR_START)
        with ar_member(target, "debian-binary", moment):
            target.write(b"2.0\n")
        with ar_member(target, "control.tar.gz", moment):
            target.write(gzipped(_tar(control, moment)))
        with ar_member(target, "data.tar", moment):
            write_tar(target, files, moment)
        target.flush()
        os.fsync(target.fileno())


def _tar(files: Mapping[str, ArchiveFile], moment: int) -> bytes:
    target = io.BytesIO()
    write_tar(target, files, moment)
    return target.getvalue()


def _md5(file: ArchiveFile) -> str:
    """Return the checksum that ``dpkg -V`` compares, which is no protection against attacks."""
    digest = hashlib.md5(usedforsecurity=False)
    with file.open() as source:
        while piece := source.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
