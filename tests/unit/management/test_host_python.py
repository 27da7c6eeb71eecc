"""The Python for hosts that have none is the interpreter of the project's bundles."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from django_deploykit.management.host_python import host_python
from django_deploykit.project import Project
from tests.unit.bundle import test_relocatable
from tests.unit.bundle.test_environment import HERE


def test_a_project_without_an_interpreter_has_none() -> None:
    assert host_python(Project(Path("/project"), "shop", Path("/project/deploykit.ini"))) is None


def test_is_the_layer_of_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    for name, data in test_relocatable.FILES.items():
        path = tmp_path / "python" / name.replace("3.12", HERE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.replace(b"3.12", HERE.encode()))
    ini = tmp_path / "deploykit.ini"
    find = host_python(
        Project(tmp_path, "shop", ini, platform=test_relocatable.PLATFORM, interpreter="python")
    )
    assert find is not None
    found = find()
    assert found.python == HERE
    assert found.archive.name == f"{found.digest}.tar.gz"
    assert hashlib.sha256(found.archive.read_bytes()).hexdigest() == found.sha256
