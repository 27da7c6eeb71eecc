"""Archives of Debian packages: ar and tar, with fixed times and root as the owner of everything."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

AR_START = b"!<arch>\n"
_AR_HEADER = 60  # bytes


@dataclass(frozen=True)
class ArchiveFile:
    """A regular file of an archive: its mode, and its content, or the path to read that from."""

    mode: int
    content: bytes | Path

    @property
    def size(self) -> int:
        """The size in bytes."""
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return len(self.content)

    def open(self) -> BinaryIO:
        """Return the content as a binary file."""
        if isinstance(self.content, Path):
            return self.content.open("rb")
        return io.BytesIO(self.content)


def gzipped(data: bytes) -> bytes:
    """Return compressed data; equal data gives equal bytes."""
    return gzip.compress(data, 9, mtime=0)


def write_tar(target: BinaryIO, files: Mapping[str, ArchiveFile], moment: int) -> None:
    """Write files, by relative path, and the folders above them. Files are read in pieces.

    ``moment`` is the time of all members, in seconds since the epoch.
    """
    folders = {str(one) for path in files for one in PurePosixPath(path).parents}
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted({*folders, *files}):
            member = tarfile.TarInfo("." if path == "." else f"./{path}")
            member.mtime = moment
            member.uname = member.gname = "root"
            if path in folders:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.mode, member.size = files[path].mode, files[path].size
                with files[path].open() as content:
                    archive.addfile(member, content)


@contextmanager
def ar_member(target: BinaryIO, name: str, moment: int) -> Iterator[BinaryIO]:
    """Write a member of an ar archive: what is written to ``target`` meanwhile, padded to an even size."""
    start = target.tell()
    target.write(_ar_header(name, 0, moment))
    yield target
    size = target.tell() - start - _AR_HEADER
    target.write(b"\n" * (size % 2))
    end = target.tell()
    target.seek(start)
    target.write(_ar_header(name, size, moment))
    target.seek(end)


def _ar_header(name: str, size: int, moment: int) -> bytes:
    return f"{name:<16}{moment:<12}{0:<6}{0:<6}{'100644':<8}{size:<10}`\n".encode("ascii")
