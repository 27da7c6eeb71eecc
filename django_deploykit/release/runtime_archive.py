"""The runtime as a zip file of its own, which is sent to hosts without it."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import marshal
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from django_deploykit.runtime.base.files import write_and_replace
from django_deploykit.runtime.sources import sources

_MAIN = b"""\
import os
import sys

if sys.version_info < (3, 9):
    need = "Python 3.9 or newer; python3 is %d.%d" % sys.version_info[:2]
    print('{"need": "%s"}' % need)
    sys.exit(0)
from pathlib import Path

from runtime.cli.main import main

sys.exit(main(sys.argv[1:], Path(os.path.abspath(sys.argv[0])), in_bundle=False))
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)


class RuntimeArchive:
    """A zip file that Python can run.

    It is only built when a host lacks it, because building takes longer than computing its digest.
    ``digest`` is the SHA-256 in hex of the members and of Python's bytecode version. It is also the
    file's name on a host. ``members`` maps names in the zip to sources.
    """

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self._members = dict(sorted(members.items()))
        made_from = hashlib.sha256(importlib.util.MAGIC_NUMBER)
        for name, data in self._members.items():
            made_from.update(b"%d %d\n%s%s" % (len(name), len(data), name.encode(), data))
        self.digest = made_from.hexdigest()

    @functools.cached_property
    def data(self) -> bytes:
        """The zip itself. The same members and Python version give the same bytes."""
        # Each source comes with its bytecode. A host with another Python compiles the source.
        compiled = {f"{name}c": _bytecode(name, data) for name, data in self._members.items()}
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in sorted({**self._members, **compiled}.items()):
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED, 6)
        return target.getvalue()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the zip, which the host compares with what it receives."""
        return hashlib.sha256(self.data).hexdigest()

    def write(self, folder: Path) -> Path:
        """Return the archive's path in ``folder``, after writing it if it is missing.

        Each use updates the file's modification time, for pruning.
        """
        path = folder / f"{self.digest}.pyz"
        try:
            os.utime(path)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            write_and_replace(path, self.data)
        except OSError:  # a read-only disk, on which nothing is pruned
            if not path.is_file():
                raise
        return path


def _bytecode(name: str, source: bytes) -> bytes:
    flags = (0b01).to_bytes(4, "little")  # unchecked hash, PEP 552
    code = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + code


@functools.lru_cache(maxsize=1)  # every host asks for it
def runtime_archive() -> RuntimeArchive:
    """Return the archive of this installation's runtime."""
    members = {f"runtime/{name}": data for name, data in sources().items()}
    return RuntimeArchive({**members, "__main__.py": _MAIN})
