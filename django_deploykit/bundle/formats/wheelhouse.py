"""The wheelhouse: an archive of wheels that installs itself into a virtualenv, without a network.

It has the wheels of all locked distributions and the project's, the requirements with the hashes of
exactly these files, and the installer, which is a part of the runtime.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from django_deploykit.bundle.formats import wheel
from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.bundle.formats.distribution_wheels import distribution_wheels
from django_deploykit.bundle.formats.sealed import write_sealed
from django_deploykit.bundle.formats.wheel_files import distributions, wheel_project, wheel_version
from django_deploykit.project.values import Keys
from django_deploykit.runtime.bundle.manifest import Manifest

# Any Python can parse this. It verifies the seal before it imports anything from the archive.
_MAIN = """\
import hashlib
import sys


def is_damaged(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        file.seek(0, 2)
        left = file.tell() - 64
        file.seek(0)
        while left > 0:
            data = file.read(min(1 << 20, left))
            digest.update(data)
            left -= len(data)
        return digest.hexdigest().encode("ascii") != file.read()


if __name__ == "__main__":
    if sys.version_info < (3, 9):
        here = "%d.%d" % sys.version_info[:2]
        sys.exit("error: the wheelhouse needs Python {python}; this is %s\\nRun it with python{python}." % here)
    if is_damaged(sys.argv[0]):
        sys.exit("error: %s is damaged\\nCopy the file again, or build it again." % sys.argv[0])
    from runtime.wheelhouse import main

    sys.exit(main(sys.argv))
"""

KEYS: Keys = {}


def name(manifest: Manifest) -> str:
    """Return the default name of the file."""
    return f"{manifest.project}-{manifest.release_id}.wheelhouse.zip"


def write(content: Content, path: Path) -> Written:
    """Write a wheelhouse at ``path``."""
    manifest = content.manifest
    layers = distributions(manifest)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        own = Path(folder) / wheel.name(manifest)
        written = wheel.write(content, own)
        wheels = distribution_wheels(layers, manifest.python)
        rows = {
            f"{wheel_project(manifest)}=={wheel_version(manifest.release_id)}": written.sha256,
            **{
                f"{layer.name}=={layer.version}": one.sha256
                for layer, one in zip(layers, wheels, strict=True)
            },
        }
        members = {
            "__main__.py": _MAIN.format(python=manifest.python).encode(),
            "manifest.json": manifest.dumps().encode(),
            "requirements.txt": requirements_text(rows).encode(),
            **content.files,
            **{
                f"runtime/{one}": data
                for one, data in content.runtime.items()
                if one.endswith(".py")
            },
        }
        archives = {f"wheels/{one.name}": one for one in (own, *(one.path for one in wheels))}
        return write_sealed(path, manifest.commit_time, members, archives)


FORMAT = Format(name, write)


def requirements_text(rows: dict[str, str]) -> str:
    """Return requirements with the SHA-256 of their only wheels.

    >>> requirements_text({"django==5.2.1": "ab12"})
    'django==5.2.1 --hash=sha256:ab12\\n'
    """
    return "".join(f"{one} --hash=sha256:{digest}\n" for one, digest in sorted(rows.items()))
