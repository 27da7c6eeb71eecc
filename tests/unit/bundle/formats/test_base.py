"""Formats: how a new one is added."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from django_deploykit.bundle.build import write
from django_deploykit.bundle.formats import FORMATS
from django_deploykit.bundle.formats.base import Content, Format
from django_deploykit.errors import BundleError
from tests.bundles import make_manifest

CONTENT = Content(make_manifest(()), {}, {"sample.ini": b"[site]\n"})


def test_a_new_format_needs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_text(content: Content, path: Path) -> tuple[str, int]:
        data = content.manifest.dumps().encode() + content.files["sample.ini"]
        path.write_bytes(data)
        return hashlib.sha256(data).hexdigest(), len(data)

    monkeypatch.setitem(FORMATS, "made", Format(".made", write_text))
    path = tmp_path / "out" / "shop.made"
    sha256, size = write(CONTENT, path, "made")
    assert (sha256, size) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


def test_a_format_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Content, path: Path) -> tuple[str, int]:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, "made", Format(".made", full))
    with pytest.raises(BundleError, match="No space left") as caught:
        write(CONTENT, tmp_path / "shop.made", "made")
    assert "--output" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
