"""Links of an export, and what they name outside of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.links import materialise_links, targets_outside
from django_deploykit.errors import Problems
from tests.wheels import write_tree


def test_names_the_targets_that_are_missing_below_the_top(tmp_path: Path) -> None:
    write_tree(tmp_path, {"web/a.txt": ""})
    for name, target in {"in": "a.txt", "out": "../../x", "far": "/x/y", "up": "../lib/b"}.items():
        (tmp_path / "web" / name).symlink_to(target)
    assert targets_outside(tmp_path) == ["lib/b"]


def test_a_link_may_leave_its_folder_but_not_what_it_is_inside_of(tmp_path: Path) -> None:
    write_tree(tmp_path, {"web/a.txt": "", "lib/b.txt": "b"})
    link = tmp_path / "web" / "b.txt"
    link.symlink_to("../lib/b.txt")
    with pytest.raises(Problems, match="leave it"):
        materialise_links(tmp_path / "web")
    materialise_links(tmp_path / "web", tmp_path)
    assert not link.is_symlink()
    assert link.read_text() == "b"
