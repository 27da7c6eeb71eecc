"""Sealed archives: they run, and layers are verified while they are written."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.base import Written
from django_deploykit.bundle.formats.sealed import write_sealed
from django_deploykit.errors import BundleError
from django_deploykit.runtime.bundle.seal import validate_seal


def test_python_runs_what_was_written(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.write_bytes(b"data")
    path = tmp_path / "made.zip"
    members = {"__main__.py": b"print(__spec__.loader.get_data('a/inside').decode())"}
    written = write_sealed(path, 0, members, {"a/inside": inside})
    data = path.read_bytes()
    assert written == Written(hashlib.sha256(data).hexdigest(), len(data))
    validate_seal(path)
    assert subprocess.check_output([sys.executable, path], text=True) == "data\n"


def test_refuses_a_layer_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BundleError, match="was damaged"):
        write_sealed(tmp_path / "made.zip", 0, {}, {}, ["a" * 64])
