"""Which files of an export are bundled."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.files import all_files, choose_files, left_as_it_was
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


def test_what_an_installation_wrote_is_removed(tmp_path: Path) -> None:
    write_tree(tmp_path, {"lib/x.py": "", "node_modules/y.js": ""})
    with left_as_it_was(tmp_path):
        write_tree(tmp_path, {"lib/x.egg-info/PKG-INFO": "", "build/x.py": "", "lib/z": ""})
        (tmp_path / "build" / "link").symlink_to(tmp_path / "lib")
        (tmp_path / "lib" / "empty").mkdir()
    assert all_files(tmp_path) == ["lib/x.py", "node_modules/y.js"]
    assert {path.name for path in tmp_path.rglob("*") if path.is_dir()} == {"lib", "node_modules"}
