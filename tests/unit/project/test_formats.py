"""The table of formats, and what deploykit.ini says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.project import Project, read_project
from django_deploykit.project.formats import FORMATS, format_keys


@pytest.fixture(autouse=True)
def _text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "text", "tests.unit.bundle.formats.text")


def read(folder: Path, text: str) -> Project:
    """Return the project of a deploykit.ini."""
    (folder / "deploykit.ini").write_text(f"[project]\nname = shop\n{text}", encoding="utf-8")
    return read_project(folder)


def test_every_format_has_keys_and_a_name(tmp_path: Path) -> None:
    assert {name: set(format_keys(name)) for name in ("pyz", "text")} == {
        "pyz": set(),
        "text": {"greeting"},
    }


def test_a_section_has_the_options_of_a_format(tmp_path: Path) -> None:
    project = read(tmp_path, "[format:text]\ngreeting = Good day\n")
    assert (project.formats, project.problems) == ({"text": {"greeting": "Good day"}}, ())
    assert read(tmp_path, "").formats == {}


def test_mistakes_name_the_line_and_the_closest_word(tmp_path: Path) -> None:
    project = read(tmp_path, "[format:text]\ngreting = Hello\n[format:txt]\na = b\n[format:]\n")
    known = ", ".join(sorted(FORMATS))
    assert [one.partition("deploykit.ini:")[2] or one for one in project.problems] == [
        "4: [format:text] has no option greting; did you mean 'greeting'?",
        f"6: a format is one of {known}, not 'txt'; did you mean 'text'?",
        f"[format:]: a format is one of {known}, not ''",
    ]
