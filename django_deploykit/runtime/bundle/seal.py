"""The seal of a bundle: a ZIP comment with the SHA-256 of all bytes before it.

The comment is ``deploykit-seal:`` and the digest. The seal detects damage anywhere in the file.
Tree digests, and signatures if a host requires them, protect against attackers. This module
imports nothing slow, because the seal is checked first.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from ..base.errors import DeployKitError
from ..base.files import hash_stream

SEAL = b"deploykit-seal:"


class DamagedError(DeployKitError):
    """A bundle whose bytes do not match its digests."""

    def __init__(self, message: str, hint: str = "Copy the file again, or build it again.") -> None:
        super().__init__(message, hint)


def validate_seal(path: Path) -> None:
    """Raise :class:`DamagedError` unless the whole file matches the seal at its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 64 - len(SEAL)))
        tail = file.read()
        if not tail.startswith(SEAL):
            raise DamagedError(f"{path} is damaged: its end is missing")
        if seal_of(file, size - 64) != tail[len(SEAL) :]:
            raise DamagedError(f"{path} is damaged: its content does not match its seal")


def seal_of(file: BinaryIO, size: int) -> bytes:
    """Return the seal, 64 hexadecimal digits, of the first ``size`` bytes of a file."""
    file.seek(0)
    return hash_stream(file, size).encode("ascii")
