"""Deltas as a stranger would send them: the layer is asked for again as a whole."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.runtime.bundle.manifest import FileEntry, tree_digest
from django_deploykit.runtime.storage import deltas
from django_deploykit.runtime.storage.frames import CHUNK
from tests.bundles import Tree, entries_of
from tests.unit.runtime.storage.framing import (
    DIGEST,
    END,
    ENTRIES,
    HUGE,
    TREE,
    delta,
    frame,
    kept,
    layer,
    take,
)


@pytest.mark.parametrize("rows", [rows for _, rows in HUGE], ids=[name for name, _ in HUGE])
def test_the_files_of_a_change_are_judged_before_they_are_written(
    tmp_path: Path, rows: Any
) -> None:
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


def lose_file(store: Path) -> None:
    (store / DIGEST / "app/manage.py").unlink()


def lose_list(store: Path) -> None:
    (store / f"{DIGEST}.json").write_bytes(b"")


@pytest.mark.parametrize("lose", [lose_file, lose_list])
def test_a_change_of_a_base_that_lost_a_file_is_asked_for_again(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    """Else the same release would fail in the same way for ever."""
    take(tmp_path, layer() + END)
    lose(tmp_path / "store")
    new: Tree = {**TREE, "app/new.py": b"new"}
    (row,) = (one for one in entries_of(new) if one.path == "app/new.py")
    digest = tree_digest(entries_of(new))
    head = {"gone": [], "rows": [[row.path, row.mode, row.size, row.sha256]]}
    assert take(tmp_path, delta(head, b"new", digest) + END).again == [digest]
    assert take(tmp_path, layer(new) + END).layers == [digest]


def test_a_bomb_grows_no_further_than_what_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltas, "LIST_LIMIT", 1 << 20)
    monkeypatch.setattr(deltas, "_LONGEST_CHANGE", 1 << 20)
    take(tmp_path, layer() + END)
    biggest = 0
    inflate = deltas._inflate_to

    def watched(path: Path, *words: Any) -> None:
        nonlocal biggest
        try:
            inflate(path, *words)
        finally:
            biggest = path.stat().st_size

    monkeypatch.setattr(deltas, "_inflate_to", watched)
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
    sent = frame("delta", digest="e" * 64, base=DIGEST, size=len(bomb)) + bomb
    assert take(tmp_path, sent + END).again == ["e" * 64]
    assert 0 < biggest <= (2 << 20) + CHUNK
