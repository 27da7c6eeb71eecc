"""What travels in a bundle runs on a host's Python, whatever else is not there."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import django_deploykit

PACKAGE = Path(django_deploykit.__file__).parent
RUNTIME = sorted((PACKAGE / "runtime").rglob("*.py"))
OLDEST = (3, 9)


def imported(path: Path) -> Iterator[str]:
    """Yield the first word of everything that a file imports from outside its package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # "." stands for a relative import: the only way that still works inside a bundle.
            yield (node.module or "").partition(".")[0] if not node.level else "."


# Modules of the runtime that open files by other means than base/opening.py, and which files.
OPENERS = {
    "base/opening.py": "all others",
    "base/configuration.py": "operations' own, in /etc",
    "base/files.py": "a file that its user names, to hash it",
    "base/workers.py": "pipes",
    "bundle/reader.py": "the bundle, where its user keeps it, and its members",
    "bundle/seal.py": "the bundle",
    "bundle/signature.py": "a temporary file of its own",
    "provision/apply.py": "a folder of root's, without links, and a web server's file",
    "provision/installed.py": "root's own, of sudo and of web servers, and the kernel's",
    "provision/ownership.py": "the kernel's, and folders, without links",
    "relocate.py": "files of a new virtualenv, in a folder of its own",
    "sources.py": "the runtime's own sources",
    "storage/layers.py": "new files in a new folder, without links",
    "storage/virtualenv.py": "a folder, to write it to the disk",
    "supervisors/local_daemon.py": "/dev/null",
    "supervisors/systemd_units.py": "units, in root's folder",
    "webservers/certificates.py": "a certificate and its key, which root names",
    "webservers/install.py": "files of web servers, in root's folders",
    "wheelhouse.py": "the wheelhouse, where its user keeps it, and new files in a new folder",
    "wire/voice.py": "/dev/null",
}
_OPENING = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "touch"}


def opens_files(path: Path) -> bool:
    """Whether a file has a call of open() or of a method of Path that opens files."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in _OPENING and name not in own:
            return True
    return False


def test_files_are_opened_in_one_place() -> None:
    """Below a folder of the deploy user no link may be followed, and no pipe waited for."""
    found = {
        path.relative_to(PACKAGE / "runtime").as_posix() for path in RUNTIME if opens_files(path)
    }
    assert found == set(OPENERS)


def oldest_python() -> str:
    """Return the oldest Python of hosts on this machine; a file of that name may be a version manager's."""
    name = "python{}.{}".format(*OLDEST)
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders = (*os.get_exec_path(), *sorted(map(str, kept.glob("{}.{}.*/bin".format(*OLDEST)))))
    for folder in folders:
        path = shutil.which(name, path=folder)
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    pytest.skip(f"there is no {name} here")


@pytest.mark.parametrize("path", RUNTIME, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_runtime_imports_the_standard_library_and_itself_alone(path: Path) -> None:
    assert set(imported(path)) <= {".", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", RUNTIME, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_runtime_is_written_for_the_oldest_python_of_hosts(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST)


def test_the_oldest_python_of_hosts_imports_all_of_the_runtime(tmp_path: Path) -> None:
    python = oldest_python()
    shutil.copytree(PACKAGE / "runtime", tmp_path / "runtime")
    names = [
        f"runtime.{'.'.join(path.relative_to(PACKAGE / 'runtime').with_suffix('').parts)}"
        for path in RUNTIME
    ]
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {', '.join(names)}"
    done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)
