"""Which files of an export are bundled."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.files import Exported, all_files, choose_files, remove_others
from tests.wheels import write_tree

BUILT = ["node_modules/x.js", "a/__pycache__/b.pyc", "d.pyc", "a/node_modules/y/z.js", ".git/x"]


def test_what_a_build_wrote_is_left_out_by_name() -> None:
    chosen, left_out = choose_files(["a/c.txt", *BUILT], frozenset(), "")
    assert chosen == ["a/c.txt"]
    assert left_out == ["node_modules/", "a/node_modules/", ".git/"]


def test_every_committed_and_every_collected_file_is_bundled() -> None:
    assert choose_files(BUILT, frozenset(BUILT), "") == (BUILT, [])
    collected = [f"static/{path}" for path in BUILT]
    assert choose_files(collected, frozenset(), "static") == (collected, [])


def test_files_that_an_installation_wrote_are_removed(tmp_path: Path) -> None:
    write_tree(tmp_path, {"lib/x.py": "", "node_modules/y.js": ""})
    exported = Exported(tmp_path, tmp_path, tmp_path, frozenset(all_files(tmp_path)))
    write_tree(tmp_path, {"lib/x.egg-info/PKG-INFO": "", "build/x.py": ""})
    remove_others(exported)
    assert all_files(tmp_path) == ["lib/x.py", "node_modules/y.js"]
