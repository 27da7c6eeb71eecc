"""Static files that a front-end build writes later."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from django_deploykit.checks.front_end import ignored, why_built_later
from django_deploykit.checks.subject import Subject
from django_deploykit.project import read_project

BUILD = '{"scripts": {"build": "vite build"}}'


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """A project in the folder ``backend`` of a repository."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    root = tmp_path / "backend"
    root.mkdir()
    return Subject(read_project(root))


def add(subject: Subject, name: str, text: str) -> None:
    """Write and track a file of the repository."""
    path = subject.root.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "-C", str(path.parent), "add", str(path)], check=True)


@pytest.mark.parametrize(
    "name",
    ["package.json", "backend/package.json", "frontend/package.json", "backend/ui/package.json"],
)
def test_a_build_script_anywhere_in_the_repository_may_write_them(
    name: str, subject: Subject
) -> None:
    assert why_built_later(subject) == ""
    add(subject, name, BUILD)
    assert why_built_later(subject).endswith("package.json may write them")


@pytest.mark.parametrize("name", ["docs/package.json", "backend/tests/e2e/package.json"])
def test_a_build_of_something_else_does_not(name: str, subject: Subject) -> None:
    add(subject, name, BUILD)
    assert why_built_later(subject) == ""


@pytest.mark.parametrize("text", ['{"scripts": {"lint": "x"}}', "{}", "[]", "not JSON"])
def test_without_a_build_script_only_node_modules_come_later(text: str, subject: Subject) -> None:
    add(subject, "frontend/package.json", text)
    assert why_built_later(subject, "/shop/static does not exist") == ""
    why = why_built_later(subject, "/shop/node_modules does not exist")
    assert why == "they are installed from ../frontend/package.json"


def test_git_ignores_what_a_build_writes(subject: Subject) -> None:
    add(subject, "backend/.gitignore", "dist/\n*.built.css\n")
    root = subject.root
    paths = [f"{root}/dist/", f"{root}/dist/a.js", f"{root}/a.built.css", f"{root}/a.css", "/x.js"]
    assert ignored(subject, paths) == set(paths[:3])
    assert ignored(subject, ["/x.js"]) == set()
