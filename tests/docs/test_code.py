"""The page about the code names the rooms and seams that there are."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "development" / "code.md"
PACKAGE = ROOT / "django_deploykit"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    named = [row[0].strip("`/") for row in rows("Rooms")]
    found = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("__init__.py")
        if path.parent != PACKAGE
    }
    assert sorted(named) == sorted(found)


@pytest.mark.parametrize("row", rows("Seams"), ids=lambda row: row[0])
def test_every_seam_has_its_table_and_its_folder(row: list[str]) -> None:
    _, table, folder = row
    module, _, name = table.strip("`").rpartition(".")
    assert getattr(importlib.import_module(module), name)
    assert (PACKAGE / folder.strip("`")).is_dir()


def test_files_that_the_page_names_exist() -> None:
    named = re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE.read_text(encoding="utf-8"))
    assert named
    assert [
        name
        for name in named
        if name != "settings.py" and not any((top / name).is_file() for top in (PACKAGE, ROOT))
    ] == []
