"""Frames as a stranger would send them: refused in words, with nothing left that was not verified."""

from __future__ import annotations

import contextlib
import json
import os
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.bundle.manifest import FileEntry, tree_digest
from django_deploykit.runtime.bundle.seal import DamagedError
from django_deploykit.runtime.storage import layers, receive
from tests.bundles import make_layer, make_manifest
from tests.unit.runtime.storage.framing import DIGEST, END, HUGE, ID, TREE, frame, kept, layer, take


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


@pytest.mark.parametrize("rows", [rows for _, rows in HUGE], ids=[name for name, _ in HUGE])
def test_a_list_is_judged_before_its_files(tmp_path: Path, rows: Any) -> None:
    try:
        digest = tree_digest(FileEntry(*row) for row in rows)
    except (TypeError, ValueError):
        digest = "f" * 64
    listing = zlib.compress(json.dumps(rows).encode())
    head = frame("layer", digest=digest, list=len(listing), offset=0, size=len(listing))
    assert take(tmp_path, head + listing + END).again == [digest]
    assert kept(tmp_path) == []


def test_a_bomb_grows_no_further_than_what_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "LIST_LIMIT", 1 << 20)
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
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
