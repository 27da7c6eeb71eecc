"""The Debian package built in a clean root by an ordinary user: the same bytes as elsewhere."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from django_deploykit.runtime.bundle.reader import BundleFile
from tests.lab.conftest import BundlesFor
from tests.lab.images import image
from tests.lab.releases import Bundles
from tests.lab.test_debian_package import package
from tests.projects import IDENTITY, run, uv, wheel
from tests.wheels import sha256

# In no package by chance.
_USER, _HOST, _ID = "quarrymason", "stonepit", "4321"
# The kernel ends the mounts and processes with the test.
_NAMESPACES = (
    *("unshare", "--mount", "--propagation", "private", "--uts"),
    *("--pid", "--fork", "--kill-child"),
)
# Arguments: a folder to work in, the root folder of an image, the files to add, the commit.
_ENTER = f"""\
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount -t proc proc "$1/root/proc"
hostname {_HOST}
cp -a "$3/." "$1/root"
echo /opt/python/lib > "$1/root/etc/ld.so.conf.d/python.conf"
chroot "$1/root" ldconfig
chroot "$1/root" useradd --uid {_ID} --create-home {_USER}
chown -R {_ID}:{_ID} "$1/root/project"
root="$1/root"
shift 3
chroot --userspec={_ID}:{_ID} "$root" /usr/bin/env "$@"
"""
_BUILD = f"""\
set -e
cd
test "$(id -un)@$(hostname)" = {_USER}@{_HOST}
/opt/python/bin/python3 -m venv --without-pip env
cp /usr/bin/uv env/bin
cp -r /modules/uv env/lib/python3.*/site-packages
uv pip install -q --python env/bin/python /wheel/*.whl packaging rich
cd /project
git checkout -q --force one
~/env/bin/python manage.py bundle --format deb > ~/output
cat .deploykit/bundles/*.deb
"""
# Other versions compile other bytecode, so the root has the interpreter of the other build.
_BASE = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable))).parents[1]
_LEFT_OUT = ("site-packages", "test", "tests", "idlelib", "share", "*.a", "__pycache__")
# How this machine reaches a package index.
_NETWORK = (
    "etc/resolv.conf",
    "etc/hosts",
    "etc/pip.conf",
    "etc/ssl/certs/ca-certificates.crt",
)
_VARIABLES = ("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "SSL_CERT_", "HTTP", "http")


def files_to_add(folder: Path, repository: Path) -> Path:
    """Return a folder with what a root needs besides Debian's minimal system."""
    for path in (Path(shutil.which("git") or "git"), Path(uv())):
        (folder / "usr/bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / "usr/bin" / path.name)
    shutil.copytree(
        _BASE, folder / "opt/python", symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT)
    )
    module = importlib.util.find_spec("uv")
    assert module is not None
    assert module.origin is not None
    shutil.copytree(Path(module.origin).parent, folder / "modules/uv")
    (folder / "wheel").mkdir()
    shutil.copy(wheel(), folder / "wheel")
    shutil.copytree(repository / ".git", folder / "project/.git")
    for name in _NETWORK:
        if Path("/", name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("/", name), folder / name)
    return folder


def built_in_root(base: Path, files: Path, folder: Path) -> bytes:
    """Return the package that an ordinary user builds in a root above ``base``."""
    folder.mkdir()
    home = f"/home/{_USER}"
    known = {key: value for key, value in os.environ.items() if key.startswith(_VARIABLES)}
    env = {**known, **IDENTITY, "HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    words = ["-i", *(f"{key}={value}" for key, value in env.items()), "sh", "-c", _BUILD]
    done = subprocess.run(
        [*_NAMESPACES, "sh", "-c", _ENTER, "sh", folder, base, files, *words],
        capture_output=True,
        timeout=540,  # it downloads what the project is locked to
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_another_root_and_user_build_the_same_bytes(
    bundles_for: BundlesFor, tmp_path: Path
) -> None:
    version = "{}.{}".format(*sys.version_info)
    bundles = Bundles(bundles_for("bookworm").repository, version)
    files = files_to_add(tmp_path / "files", bundles.repository)
    found = built_in_root(image("bookworm"), files, tmp_path / "root")
    path = tmp_path / "built.deb"
    path.write_bytes(found)
    names = (_USER, _HOST, str(bundles.repository), sys.prefix)
    traces = [where for where, data in contents(path) for name in names if name.encode() in data]
    assert traces == []
    assert sha256(path) == sha256(package(bundles, "one"))


def contents(path: Path) -> list[tuple[str, bytes]]:
    """Return the files of a package, and those of the layers in it, with their paths."""
    folder = path.with_suffix(".unpacked")
    run("dpkg-deb", "-R", path, folder)
    found = [(str(one), one.read_bytes()) for one in (folder / "DEBIAN").iterdir()]
    with BundleFile(folder / "usr/lib/shop/shop.pyz") as bundle:
        for layer in bundle.manifest.layers:
            for entry, data in bundle.files(layer.sha256):
                found.append((entry.path, data if isinstance(data, bytes) else b"".join(data)))
    return found
