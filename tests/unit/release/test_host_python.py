"""The Python that a host without one gets is stored as a layer is, by a shell."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.release.host_python import HostPython, find_script
from django_deploykit.runtime.storage import layers
from tests.bundles import Tree, layer_tar, make_layer

VERSION = "{}.{}".format(*sys.version_info)
PROGRAM = f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode()
TREE: Tree = {f"python/bin/python{VERSION}": (PROGRAM, 0o755), "python/lib/a.py": b"A = 1\n"}
LAYER = make_layer("interpreter", "python", VERSION, TREE)


@pytest.fixture
def python(tmp_path: Path) -> HostPython:
    path = tmp_path / "archive"
    path.write_bytes(layer_tar(TREE))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return HostPython(LAYER.sha256, VERSION, path, sha256)


def run(script: str, home: Path, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    with (data or Path(os.devnull)).open("rb") as file:
        return subprocess.run(
            ["sh", "-c", script],
            stdin=file,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            capture_output=True,
            text=True,
        )


def found(home: Path, digest: str = "*") -> str:
    return run(f"p=; {find_script(digest)} echo $p", home).stdout.strip()


def test_is_stored_once_and_found(python: HostPython, tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = home / ".cache/django-deploykit/python"
    assert found(home) == ""
    for _ in range(2):
        done = run(python.take_script(), home, python.archive)
        assert done.stdout == '{"result": {}}\n', done.stderr
        assert {path.name for path in store.iterdir()} == {LAYER.sha256, f"{LAYER.sha256}.json"}
    assert layers.damaged_files(store, LAYER.sha256) == []
    assert len([*store.rglob("a.*.pyc")]) == 1
    program = str(store / LAYER.sha256 / "python/bin" / f"python{VERSION}")
    assert found(home) == found(home, LAYER.sha256) == program
    assert found(home, "a" * 64) == ""


def test_a_python_that_is_there_comes_first(python: HostPython, tmp_path: Path) -> None:
    run(python.take_script(), tmp_path, python.archive)
    assert (
        run(f"p=/usr/bin/python3; {find_script()} echo $p", tmp_path).stdout == "/usr/bin/python3\n"
    )


def test_damage_leaves_nothing(python: HostPython, tmp_path: Path) -> None:
    data = python.archive.read_bytes()
    for changed in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), b""):
        python.archive.write_bytes(changed)
        done = run(python.take_script(), tmp_path, python.archive)
        assert done.returncode
        assert done.stdout == ""
        assert [*(tmp_path / ".cache/django-deploykit/python").iterdir()] == []


def test_a_full_disk_is_one_line(python: HostPython, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tar").write_text("#!/bin/sh\necho full >&2; seq 100 >&2; exit 2\n")
    (tools / "tar").chmod(0o755)
    script = f"PATH={tools}:$PATH; {python.take_script()}"
    done = run(script, tmp_path, python.archive)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "full\n")
    assert [*(tmp_path / ".cache/django-deploykit/python").iterdir()] == []
