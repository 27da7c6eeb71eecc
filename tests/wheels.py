"""Tiny distributions, made by hand: wheels and source archives to lock, without any index."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)


def sha256(path: Path) -> str:
    """Return a file's hash as a lock holds it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def locked(path: Path, project: Path | None = None) -> str:
    """Return the line that locks a wheel: by name, or by its path in ``project``."""
    if project is not None:
        return f"./{path.relative_to(project)} --hash={sha256(path)}\n"
    name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
    return f"{name}=={version} --hash={sha256(path)}\n"


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, str | bytes],
    version: str = "1.0",
    tag: str = "py3-none-any",
    entry_points: str = "",
    needs: tuple[str, ...] = (),
) -> Path:
    """Write a wheel that holds ``files``; paths below ``data/`` go to ``.data/`` of the wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    base = f"{name}-{version}"
    info = f"{base}.dist-info"
    requires = "".join(f"Requires-Dist: {one}\n" for one in needs)
    members = {
        path.replace("data/", f"{base}.data/", 1) if path.startswith("data/") else path: (
            text.encode() if isinstance(text, str) else text
        )
        for path, text in files.items()
    }
    members[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}".encode()
    )
    pure = str(tag.endswith("-any")).lower()
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
    )
    if entry_points:
        members[f"{info}/entry_points.txt"] = entry_points.encode()
    rows = []
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    members[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    target = folder / f"{base}-{tag}.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
            archive.writestr(entry, data)
    return target


# A build backend of a few lines, in the source itself: nothing is fetched to build it.
BACKEND = """\
import base64, hashlib, os, sysconfig, subprocess, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    files = {{"{name}.py": open("{name}.py", "rb").read()}}
    tag = "py3-none-any"
    if os.path.exists("fast.c"):
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        flags = os.environ.get("CFLAGS", "").split()
        include = sysconfig.get_path("include")
        subprocess.check_call(["cc", "-g", *flags, "-shared", "-fPIC", "-I", include, "fast.c", *{links}, "-o", "fast.so"])
        files["{name}_fast" + suffix] = open("fast.so", "rb").read()
        tag = "cp%d%d-cp%d%d-linux_%s" % (*__import__("sys").version_info[:2], *__import__("sys").version_info[:2], os.uname().machine)
    info = "{name}-{version}.dist-info/"
    files[info + "METADATA"] = b"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    generator = os.environ.get("TEST_GENERATOR", "1")
    files[info + "WHEEL"] = ("Wheel-Version: 1.0\\nGenerator: tiny (%s)\\nRoot-Is-Purelib: true\\nTag: %s\\n" % (generator, tag)).encode()
    files[info + "RECORD"] = "".join(path + ",,\\n" for path in files).encode()
    name = "{name}-{version}-%s.whl" % tag
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), data)
    return name
"""


def source_files(
    name: str, version: str = "1.0", c: str = "", links: Sequence[str] = ()
) -> dict[str, str]:
    """Return the files of a source tree that builds itself.

    ``c`` is an extension's source, and ``links`` the compiler's options to link it.
    """
    files = {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\n"
        f"backend-path = ['.']\n[project]\nname = '{name}'\nversion = '{version}'\n",
        "backend.py": BACKEND.format(name=name, version=version, links=list(links)),
        f"{name}.py": f"NAME = {name!r}\n",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    return {**files, "fast.c": c} if c else files


def make_sdist(
    folder: Path, name: str, version: str = "1.0", c: str = "", links: Sequence[str] = ()
) -> Path:
    """Write a source archive."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(target, "w:gz") as tar:
        for path, text in source_files(name, version, c, links).items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return target


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder
