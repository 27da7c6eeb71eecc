"""Formats: how a new one is added, and that a file is written completely or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from django_deploykit.bundle.build import write
from django_deploykit.bundle.formats.base import Content, find_format
from django_deploykit.errors import BundleError
from django_deploykit.project.formats import FORMATS
from tests.bundles import make_manifest

CONTENT = Content(make_manifest(()), {}, {"sample.ini": b"[site]\n"}, {"greeting": "Good day"})


@pytest.fixture(autouse=True)
def _text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "text", "tests.unit.bundle.formats.text")


def test_a_new_format_needs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "out" / find_format("text").file_name(CONTENT.manifest)
    written = write(CONTENT, path, "text")
    data = path.read_bytes()
    assert written == (hashlib.sha256(data).hexdigest(), len(data))
    assert data.startswith(b"Good day\n{")


def test_a_format_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BundleError, match="No space left") as caught:
        write(CONTENT, tmp_path / "shop.txt", "text")
    assert "--output" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
