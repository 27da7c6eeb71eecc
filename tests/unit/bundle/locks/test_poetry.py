"""``poetry.lock``, exported by Poetry. With the real one: integration/test_bundle_lock_tools.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.poetry import read

from .conftest import Uv

SOURCE = '[[tool.poetry.source]]\nname = "{}"\nurl = "https://{}.example.com/simple"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "poetry.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.poetry.group.dev.dependencies]\n")
    return tmp_path


def test_asks_for_the_main_group_and_what_is_wanted(tool: Uv, folder: Path) -> None:
    lock = read(folder, "poetry.lock", Wanted())
    assert tool.asked[0][-2:] == ["--only", "main"]
    assert lock.left_out == ("dev",)
    lock = read(folder, "poetry.lock", Wanted(extras=("pg", "s3"), groups=("web", "dev")))
    assert tool.asked[1][-6:] == ["--only", "main,web,dev", "--extras", "pg", "--extras", "s3"]
    assert lock.left_out == ()


@pytest.mark.parametrize(
    ("sources", "options"),
    [
        ("", ()),
        (
            SOURCE.format("corp", "a") + SOURCE.format("more", "b"),
            (
                "--default-index corp=https://a.example.com/simple",
                "--index more=https://b.example.com/simple",
            ),
        ),
        (
            SOURCE.format("corp", "a") + 'priority = "explicit"\n',
            ("--index corp=https://a.example.com/simple",),
        ),
        (
            SOURCE.format("corp", "a")
            + 'priority = "supplemental"\n'
            + SOURCE.format("main", "b")
            + 'priority = "primary"\n',
            (
                "--index corp=https://a.example.com/simple",
                "--default-index main=https://b.example.com/simple",
            ),
        ),
    ],
)
def test_sources_are_indexes(
    tool: Uv, folder: Path, sources: str, options: tuple[str, ...]
) -> None:
    (folder / "pyproject.toml").write_text(sources)
    assert read(folder, "poetry.lock", Wanted()).options == options
    assert len(tool.asked) == 1
