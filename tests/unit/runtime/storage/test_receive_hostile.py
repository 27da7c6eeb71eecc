"""Frames as a stranger would send them: refused in words, with nothing left that was not verified."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.bundle.manifest import FileEntry, dump_list, tree_digest
from django_deploykit.runtime.bundle.seal import DamagedError
from django_deploykit.runtime.storage import layers, receive
from django_deploykit.runtime.storage.receive import Received
from tests.bundles import Tree, entries_of, layer_zip, make_layer, make_manifest

TREE: Tree = {"app/manage.py": b"print()\n", "app/data/x.txt": b"x" * 5000}
ENTRIES = entries_of(TREE)
DIGEST = tree_digest(ENTRIES)
END = b'{"kind": "end"}\n'
ID = "20261123T041500-ab12cd3"


def frame(kind: str, **facts: Any) -> bytes:
    return json.dumps({"kind": kind, **facts}).encode() + b"\n"


def layer(tree: Tree = TREE, digest: str = "", archive: bytes | None = None) -> bytes:
    """Return a layer's frame, right but for what is given."""
    rows = entries_of(tree)
    listing = zlib.compress(dump_list(rows).encode())
    data = layer_zip(tree) if archive is None else archive
    digest = digest or tree_digest(rows)
    size = len(listing) + len(data)
    head = frame("layer", digest=digest, list=len(listing), offset=0, size=size)
    return head + listing + data


def delta(head: object, contents: bytes = b"", digest: str = "", base: str = DIGEST) -> bytes:
    data = zlib.compress(json.dumps(head).encode() + b"\n" + contents)
    return frame("delta", digest=digest or "e" * 64, base=base, size=len(data)) + data


def take(folder: Path, data: bytes) -> Received:
    return receive.receive(
        folder / "store", folder / "inbox", io.BytesIO(data), lambda *_, **__: None
    )


def kept(folder: Path) -> list[str]:
    return layers.stored_digests(folder / "store")


def test_takes_what_is_right(tmp_path: Path) -> None:
    manifest = make_manifest((make_layer("app", "app", "", TREE),))
    packed = zlib.compress(manifest.dumps().encode())
    sent = frame("manifest", size=len(packed)) + packed
    sent += frame("signature", release=ID, size=4) + b"text" + layer() + END
    assert take(tmp_path, sent).layers == [DIGEST]
    assert kept(tmp_path) == [DIGEST]
    assert layers.damaged_files(tmp_path / "store", DIGEST) == []
    assert (tmp_path / f"inbox/{ID}.sig").read_text() == "text"
    assert (tmp_path / f"inbox/{ID}.json").read_text() == manifest.dumps()


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


@pytest.mark.parametrize("release", ["../x", "", "x/../../y", ID + "\n", "." + ID, None, 5])
def test_a_signature_is_laid_nowhere_else(tmp_path: Path, release: object) -> None:
    with pytest.raises(DamagedError):
        take(tmp_path, frame("signature", release=release, size=4) + b"text" + END)
    assert not (tmp_path / "inbox").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../evil/x",
        "/etc/passwd",
        "app/../../x",
        "app//x",
        "app/./x",
        "app/a\\b",
        "app/a\x00b",
        "app/a\nb",
        ".x",
        "~x",
        "c:x",
        "app",
        "bin/python",
        "bin/python3.11",
        "bin/activate",
        "pyvenv.cfg",
        "manifest.json",
        "manifest.json.sig",
        "lib64/x",
        "PYVENV.CFG",
        "",
    ],
)
def test_no_path_leaves_a_layer(tmp_path: Path, path: str) -> None:
    rows = [[path, 0o644, 1, "a" * 64]]
    entries = [FileEntry(path, 0o644, 1, "a" * 64)]
    listing = zlib.compress(json.dumps(rows).encode())
    head = frame(
        "layer", digest=tree_digest(entries), list=len(listing), offset=0, size=len(listing)
    )
    result = take(tmp_path, head + listing + END)
    assert result.again == [tree_digest(entries)]
    assert kept(tmp_path) == []
    assert sorted(os.listdir(tmp_path)) == ["store"]


HUGE: list[tuple[str, object]] = [
    ("mode", [["app/x", 0o4755, 1, "a" * 64]]),
    ("size", [["app/x", 0o644, -1, "a" * 64]]),
    ("endless", [["app/x", 0o644, 10**30, "a" * 64]]),
    ("twice", [["app/x", 0o644, 1, "a" * 64], ["app/x", 0o644, 1, "a" * 64]]),
    ("folder", [["app/x", 0o644, 1, "a" * 64], ["app/x/y", 0o644, 1, "a" * 64]]),
    ("infinite", [["app/x", 0o644, float("inf"), "a" * 64]]),
    ("half", [["app/\ud800", 0o644, 1, "a" * 64]]),
    ("row", [["app/x", 0o644]]),
    ("none", {"a": 1}),
    ("number", 5),
]


@pytest.mark.parametrize("rows", [rows for _, rows in HUGE], ids=[name for name, _ in HUGE])
def test_a_list_is_judged_before_its_files(tmp_path: Path, rows: Any) -> None:
    try:
        digest = tree_digest(FileEntry(*row) for row in rows)
    except (TypeError, ValueError):
        digest = "f" * 64
    listing = zlib.compress(json.dumps(rows).encode())
    head = frame("layer", digest=digest, list=len(listing), offset=0, size=len(listing))
    assert take(tmp_path, head + listing + END).again == [digest]
    take(tmp_path, layer() + END)
    change = {"gone": [], "rows": rows}
    try:
        whole = tree_digest([*ENTRIES, *(FileEntry(*row) for row in rows)])
    except (TypeError, ValueError):
        whole = "f" * 64
    assert take(tmp_path, delta(change, b"x", whole) + END).again == [whole]
    assert kept(tmp_path) == [DIGEST]


@pytest.mark.parametrize(
    "head", [[], {}, {"gone": 1, "rows": []}, {"gone": [[]], "rows": []}, {"rows": [1]}, "x", None]
)
def test_a_change_that_is_none_is_asked_for_again(tmp_path: Path, head: object) -> None:
    take(tmp_path, layer() + END)
    assert take(tmp_path, delta(head) + END).again == ["e" * 64]


def test_a_change_holds_just_what_it_declares(tmp_path: Path) -> None:
    take(tmp_path, layer() + END)
    new: Tree = {**TREE, "app/new.py": b"new"}
    (row,) = (one for one in entries_of(new) if one.path == "app/new.py")
    digest = tree_digest(entries_of(new))
    head = {"gone": [], "rows": [[row.path, row.mode, row.size, row.sha256]]}
    for contents in (b"", b"ne", b"new!", b"old", b"new" + b"\0" * 100_000):
        assert take(tmp_path, delta(head, contents, digest) + END).again == [digest]
    assert take(tmp_path, delta(head, b"new", digest) + END).layers == [digest]


def test_a_change_of_a_base_that_lost_a_file_is_asked_for_again(tmp_path: Path) -> None:
    """Else the same release would fail in the same way for ever."""
    take(tmp_path, layer() + END)
    (tmp_path / "store" / DIGEST / "app/manage.py").unlink()
    new: Tree = {**TREE, "app/new.py": b"new"}
    (row,) = (one for one in entries_of(new) if one.path == "app/new.py")
    digest = tree_digest(entries_of(new))
    head = {"gone": [], "rows": [[row.path, row.mode, row.size, row.sha256]]}
    assert take(tmp_path, delta(head, b"new", digest) + END).again == [digest]
    assert take(tmp_path, layer(new) + END).layers == [digest]


def test_a_bomb_grows_no_further_than_what_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "_LONGEST_LIST", 1 << 20)
    monkeypatch.setattr(receive, "_LONGEST_CHANGE", 1 << 20)
    take(tmp_path, layer() + END)
    biggest = 0
    inflate = receive._inflate_to

    def watched(path: Path, *words: Any) -> None:
        nonlocal biggest
        try:
            inflate(path, *words)
        finally:
            biggest = path.stat().st_size

    monkeypatch.setattr(receive, "_inflate_to", watched)
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
    sent = frame("delta", digest="e" * 64, base=DIGEST, size=len(bomb)) + bomb
    assert take(tmp_path, sent + END).again == ["e" * 64]
    assert biggest <= (2 << 20) + receive._CHUNK
    sent = frame("layer", digest="e" * 64, list=len(bomb), offset=0, size=len(bomb)) + bomb
    assert take(tmp_path, sent + END).again == ["e" * 64]
    with pytest.raises(DamagedError):
        take(tmp_path, frame("manifest", size=len(bomb)) + bomb + END)


def test_survives_streams_with_random_damage(tmp_path: Path) -> None:
    """Whatever bytes come: an error in words, or files that are what their digests say."""
    chance = random.Random(20261123)
    manifest = zlib.compress(make_manifest(()).dumps().encode())
    good = frame("manifest", size=len(manifest)) + manifest + layer() + END
    for number in range(300):
        data = bytearray(good)
        for _ in range(chance.choice((1, 1, 3, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        folder = tmp_path / str(number)
        with contextlib.suppress(DeployKitError):
            take(folder, bytes(data))
        for digest in kept(folder):
            assert layers.damaged_files(folder / "store", digest) == []
        assert {path.name for path in folder.iterdir()} <= {"store", "inbox"}
