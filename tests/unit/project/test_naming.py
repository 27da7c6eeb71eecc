"""The project's name, from committed files only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from django_deploykit.project.naming import committed_name, repository_of


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[project]\nname = 'Shop_Site'\n", "shop-site"),
        ("[tool.poetry]\nname = '2nd shop'\n", "app-2nd-shop"),
        ("[project]\nname = 3\n[tool]\npoetry = 1\n", ""),
        ("[project\n", ""),
    ],
)
def test_a_generic_settings_package_leaves_the_name_to_pyproject(
    text: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    for modules in (("config.settings.production",), ("settings",), ()):
        assert committed_name(tmp_path, tmp_path, modules) == name
    assert committed_name(tmp_path, tmp_path, ("", "config.settings", "shop.settings")) == "shop"


def test_the_nearest_pyproject_in_the_repository_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'outside'\n")
    top = tmp_path / "repo"
    root = top / "src"
    (top / ".git").mkdir(parents=True)
    root.mkdir()
    assert (repository_of(root), repository_of(tmp_path)) == (top, tmp_path)
    assert committed_name(root, top, ()) == ""
    (top / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    assert committed_name(root, top, ()) == "shop"
    (root / "pyproject.toml").write_text("[tool.black]\n")
    assert committed_name(root, top, ()) == "shop"


def test_no_name_is_read_from_toml_without_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra has it on Python 3.10, and deploy_check works without the extra."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    for reader in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, reader, None)
    assert committed_name(tmp_path, tmp_path, ("config.settings",)) == ""
