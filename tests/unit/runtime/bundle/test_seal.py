"""The seal at the end of a bundle."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.seal import SEAL, DamagedError, seal_of, validate_seal

CONTENT = b"content" * 1000 + SEAL
SEALED = CONTENT + hashlib.sha256(CONTENT).hexdigest().encode()


def test_a_sealed_file_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(SEALED)
    validate_seal(path)


@pytest.mark.parametrize("position", [0, 4000, len(CONTENT) - 1, len(CONTENT), len(SEALED) - 1])
def test_a_flipped_bit_is_found_anywhere(tmp_path: Path, position: int) -> None:
    path = tmp_path / "file"
    data = bytearray(SEALED)
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="is damaged"):
        validate_seal(path)


@pytest.mark.parametrize("data", [b"", b"x", SEALED[:-1], SEALED + b"x", CONTENT, b"0" * 500])
def test_a_file_without_a_seal_at_its_end_is_damaged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="its end is missing"):
        validate_seal(path)


def test_a_seal_covers_the_bytes_before_it() -> None:
    assert seal_of(io.BytesIO(b"abcdef"), 3) == hashlib.sha256(b"abc").hexdigest().encode()
