"""Which templates are the project's own, and which engines load them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from django_deploykit.checks.project_templates import engines_of, iter_templates
from django_deploykit.checks.subject import read_subject
from django_deploykit.project import read_project
from tests.unit.checks.cases import TEMPLATES, Case, run_case


def test_what_other_tools_keep_in_the_project_is_not_its_own(project: Path) -> None:
    names = (
        "shop/templates/a.html",
        "shop/templates/.b.html",
        "docs/c.html",
        "shop/templates/d.py",
    )
    for name in (*names, "node_modules/x/templates/e.html"):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text", encoding="utf-8")
    with override_settings(TEMPLATES=[{**TEMPLATES, "DIRS": [str(project)]}]):
        found = list(iter_templates(read_subject(read_project(project))))
        (engine,) = engines_of(found[0][0])
        assert engines_of("/elsewhere/a.html") == []
    assert found == [(str(project / "shop/templates/a.html"), "text")]
    assert engine.template_dirs == (str(project),)


def test_folders_that_are_named_twice_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = Case(
        {"TEMPLATES": [{**TEMPLATES, "DIRS": ["templates", "{root}/templates"]}]},
        {"templates/a.html": "{% if %}"},
    )
    (found,) = run_case("E608", case, tmp_path)
    assert found.path == "templates/a.html"


def test_folders_are_listed_once_for_all_checks(project: Path) -> None:
    path = project / "shop" / "templates" / "a.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("first", encoding="utf-8")
    with override_settings(TEMPLATES=[{**TEMPLATES, "DIRS": [str(path.parent)]}]):
        subject = read_subject(read_project(project))
        assert list(iter_templates(subject)) == [(str(path), "first")]
        path.write_text("second", encoding="utf-8")
        path.with_name("b.html").write_text("later", encoding="utf-8")
        assert list(iter_templates(subject)) == [(str(path), "second")]


def test_templates_come_in_the_order_of_their_folders(project: Path) -> None:
    folder = project / "shop" / "templates"
    names = ("b.html", "a-b/a.html", "a/z.html", "a.html", "a/b/c.html")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("", encoding="utf-8")
    with override_settings(TEMPLATES=[{**TEMPLATES, "DIRS": [str(folder)]}]):
        found = [path for path, _ in iter_templates(read_subject(read_project(project)))]
    assert found == [str(path) for path in sorted(folder / name for name in names)]
