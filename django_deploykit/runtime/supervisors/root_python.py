"""The Python of root's helper: the system's, or a copy of a bundle's own on a host that has none.

Root runs nothing from the deploy user's folders. So on a host without Python, setup copies the
bundle's interpreter, verified, into a folder of root's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple, Optional

from ..base.names import valid_digest
from ..bundle.manifest import INTERPRETER_FOLDER, Manifest

SYSTEM = "/usr/bin/python3"
_FOLDER = "/usr/local/lib"


class StoredPython(NamedTuple):
    """A stored layer with an interpreter."""

    store: Path
    digest: str


def python_folder(app: str) -> Path:
    """Return the folder of root's copy of a bundle's Python."""
    return Path(_FOLDER, f"deploykit-{app}")


def record_path(app: str) -> Path:
    """Return the file that says which Python root has."""
    return python_folder(app) / "python.txt"


def record_text(app: str, digest: str) -> str:
    """Return the text of the file that says which Python root has; an empty one for the system's."""
    return f"# Written by django-deploykit for {app} (python)\n{digest}\n"


def own_program(app: str) -> Path:
    """Return the path of root's copy of a bundle's Python."""
    return python_folder(app) / INTERPRETER_FOLDER / "bin" / "python3"


def root_program(app: str, system: str = SYSTEM) -> str:
    """Return the Python that root's helper runs with: its own copy where setup made one."""
    own = own_program(app)
    return str(own) if own.exists() or not os.path.exists(system) else system


def is_bundled(prefix: str = sys.base_prefix) -> bool:
    """Whether a bundle's own Python runs this process."""
    return valid_digest(Path(prefix).parent.name)


def running_python(manifest: Manifest, prefix: str = sys.base_prefix) -> Optional[StoredPython]:
    """Return the stored interpreter of the bundle that runs this process, or None for another Python."""
    tree = Path(prefix).parent
    if manifest.interpreter is None or tree.name != manifest.interpreter.sha256:
        return None
    return StoredPython(tree.parent, tree.name)
