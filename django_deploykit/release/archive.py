"""The runtime as a file of its own, for hosts that hold the layers already."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import marshal
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from django_deploykit import runtime

_MAIN = b"""\
import os
import sys

if sys.version_info < (3, 9):
    need = "Python 3.9 or newer; python3 is %d.%d" % sys.version_info[:2]
    print('{"need": "%s"}' % need)
    sys.exit(0)
from pathlib import Path

from runtime.verbs import main

sys.exit(main(sys.argv[1:], Path(os.path.abspath(sys.argv[0]))))
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class RuntimeArchive:
    """A zip that Python runs, and its SHA-256 in hex, which is also its name on a host."""

    data: bytes
    digest: str

    def write(self, folder: Path) -> Path:
        """Return the archive's path in ``folder``, written where it is not there yet.

        Its time says when it was used last: pruning goes by that.
        """
        path = folder / f"{self.digest}.pyz"
        try:
            os.utime(path)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{self.digest}.{os.getpid()}"
            temporary.write_bytes(self.data)
            os.replace(temporary, path)
        return path


def own_files() -> dict[str, bytes]:
    """Return the files of the runtime that is installed here, by name."""
    folder = Path(runtime.__file__).parent
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}


def _bytecode(name: str, source: bytes) -> bytes:
    flags = (0b01).to_bytes(4, "little")  # unchecked hash, PEP 552
    code = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + code


@functools.lru_cache(maxsize=1)  # each of twenty hosts asks for it
def runtime_archive() -> RuntimeArchive:
    """Return the archive of this installation's runtime; the same files and Python give the same bytes."""
    members = {f"runtime/{name}": data for name, data in own_files().items()}
    members["__main__.py"] = _MAIN
    # Beside each source its bytecode: a host with another Python compiles the source instead.
    members |= {f"{name}c": _bytecode(name, data) for name, data in members.items()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name], zipfile.ZIP_DEFLATED, 6)
    data = target.getvalue()
    return RuntimeArchive(data, hashlib.sha256(data).hexdigest())
