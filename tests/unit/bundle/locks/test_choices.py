"""Dependency groups and extras that a project declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.choices import left_out, project_table
from django_deploykit.errors import BundleError

PYPROJECT = """
[project.optional-dependencies]
pg = []
[dependency-groups]
dev = []
web-server = []
[tool.poetry.group.main.dependencies]
[tool.poetry.group.docs.dependencies]
[tool.poetry.extras]
s3 = []
[tool.pdm.dev-dependencies]
lint = []
"""


@pytest.fixture
def pyproject(tmp_path: Path) -> Path:
    path = tmp_path / "pyproject.toml"
    path.write_text(PYPROJECT)
    return path


def test_names_what_nobody_chose(pyproject: Path) -> None:
    assert left_out(pyproject, Wanted()) == (
        "dev",
        "web-server",
        "pg",
        "docs",
        "s3",
        "lint",
    )
    assert left_out(pyproject, Wanted(extras=("s3", "PG"), groups=("web_server", "docs"))) == (
        "dev",
        "lint",
    )


def test_an_old_poetry_has_one_group_for_development(pyproject: Path) -> None:
    pyproject.write_text("[tool.poetry.dev-dependencies]\npytest = '*'\n")
    assert left_out(pyproject, Wanted()) == ("dev",)
    assert left_out(pyproject, Wanted(groups=("dev",))) == ()


def test_a_project_may_have_no_such_file_or_table(pyproject: Path) -> None:
    assert left_out(pyproject.with_name("none.toml"), Wanted()) == ()
    assert project_table(pyproject, "project", "nothing", "below") == {}
    pyproject.write_text("project = 1\ntool = {poetry = {group = 3}}\n")
    assert left_out(pyproject, Wanted()) == ()


def test_a_file_that_is_not_toml_is_named(pyproject: Path) -> None:
    pyproject.write_text("[project")
    with pytest.raises(BundleError, match=r"pyproject\.toml is not TOML"):
        left_out(pyproject, Wanted())
