"""What is refused in a stream of frames before anything of it is used."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.storage import receive
from tests.unit.runtime.storage.framing import DIGEST, frame, kept, take


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"\xff\n",
        b"[" * 60000 + b"\n",
        b'{"kind": "layer"}\n',
        b'{"kind": "rm", "size": 1}\n',
        b'{"kind": ["end"]}\n',
        b'{"kind": "manifest"}\n',
        b'{"kind": "manifest", "size": "1"}\n',
        b'{"kind": "manifest", "size": true}\n',
        b'{"kind": "manifest", "size": -1}\n',
        b'{"kind": "manifest", "size": 1.5}\n',
        b'{"kind": "manifest", "size": Infinity}\n',
        b'{"kind": "manifest", "size": 1e400}\n',
        b'{"kind": "manifest", "size": 99999999999999999999}\n',
        b'{"kind": "manifest", "size": 1000000000}\n',
        b'{"kind": "signature", "release": "x", "size": 1000000}\n',
        frame("layer", digest=DIGEST, list=10, offset=-1, size=20),
        frame("layer", digest=DIGEST, list=21, offset=0, size=20),
        frame("layer", digest=DIGEST, list=-1, offset=0, size=20),
        frame("layer", digest="../" + DIGEST[3:], list=1, offset=0, size=2),
        frame("layer", digest=[DIGEST], list=1, offset=0, size=2),
        frame("delta", digest="x", base=DIGEST, size=2),
        frame("delta", size=2),
    ],
)
def test_refuses_frames_that_are_none(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(DeployKitError):
        take(tmp_path, line + b"x" * 100)
    assert kept(tmp_path) == []


def test_a_line_without_an_end_is_not_read_for_ever(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        read_so_far = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.read_so_far += len(buffer)
            assert self.read_so_far < 10 << 20
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    stream = io.BufferedReader(Endless())
    with pytest.raises(DeployKitError):
        receive.receive(tmp_path / "store", tmp_path / "inbox", stream, lambda *_, **__: None)
