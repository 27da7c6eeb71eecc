"""Modules and folders of the repository that are outside of the project's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.outside import find_module, include_hint, validate_folders
from django_deploykit.bundle.source import Commit, find_commit
from django_deploykit.errors import Problems
from tests.projects import start_repository
from tests.wheels import write_tree


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    """Return a commit of a project that has other folders beside its own."""
    files = {
        "sites/web/manage.py": "",
        "sites/web/shop/common.py": "",
        "common/__init__.py": "",
        "libs/prices/prices/__init__.py": "",
        "libs/single.py": "",
        "notes/readme/x.txt": "",
        "templates/base.html": "",
        "assets/a.css": "",
    }
    start_repository(write_tree(tmp_path / "top", files))
    return find_commit(tmp_path / "top" / "sites" / "web")[0]


@pytest.mark.parametrize(
    ("module", "include"),
    [
        ("common", "../../common"),
        ("common.money", "../../common"),
        ("prices", "../../libs/prices/prices"),
        ("single", "../../libs/single.py"),
    ],
)
def test_a_missing_module_of_the_repository_can_be_included(
    module: str, include: str, commit: Commit
) -> None:
    assert f"`include = {include}` in [bundle]" in include_hint(module, commit)


@pytest.mark.parametrize("module", ["requests", "readme", "shop", "templates"])
def test_a_module_that_is_not_in_the_repository_has_no_hint(module: str, commit: Commit) -> None:
    assert include_hint(module, commit) == ""


def test_packages_come_before_the_folders_around_them() -> None:
    paths = ["libs/prices/prices/__init__.py", "old/prices/__init__.py", "old/prices/a.py"]
    assert find_module("prices", "web/", paths) == ["old/prices", "libs/prices/prices"]
    assert find_module("prices", "", paths) == []


def test_refuses_folders_of_the_commit_that_the_bundle_lacks(commit: Commit) -> None:
    validate_folders([], commit)
    validate_folders([("TEMPLATES", "../gone"), ("TEMPLATES", "../../../etc")], commit)
    rows = [("TEMPLATES", "../../templates"), ("STATICFILES_DIRS", "../../assets")]
    with pytest.raises(Problems, match="not in the bundle") as caught:
        validate_folders(rows, commit)
    assert caught.value.problems == (
        "TEMPLATES: ../../templates",
        "STATICFILES_DIRS: ../../assets",
    )
    assert "`include = ../../templates`" in caught.value.hint
    assert "BASE_DIR / 'templates'" in caught.value.hint
