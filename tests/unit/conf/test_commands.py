"""Commands that are misspelled, beside those that apps have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from django_deploykit.conf.commands import misspelt


@pytest.mark.parametrize(
    ("name", "apps", "guess"),
    [
        ("relase", ["django_deploykit"], "release"),
        ("deploy-check", ["django_deploykit.apps.DeployKitConfig"], "deploy_check"),
        ("bundel", ["django_deploykit.apps"], "bundle"),
        ("migrat", [], "migrate"),
        ("collectsttic", ["django.contrib.staticfiles"], "collectstatic"),
    ],
)
def test_the_nearest_command_is_named(name: str, apps: list[str], guess: str) -> None:
    assert misspelt(name, apps) == f"there is no command {name!r}; did you mean {guess!r}?"


@pytest.mark.parametrize("name", ["release", "migrate", "teach_elephants", ""])
def test_a_command_that_exists_or_is_like_no_other_is_not_misspelled(name: str) -> None:
    assert misspelt(name, ["django_deploykit", "no_such_app", "", ".", "os.path"]) == ""


def test_an_app_s_command_is_found_and_the_app_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "elephants" / "circus" / "management" / "commands"
    commands.mkdir(parents=True)
    (tmp_path / "elephants" / "__init__.py").write_text("raise RuntimeError\n")
    (commands / "releases.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    apps = ["django_deploykit", "elephants.circus.apps.CircusConfig"]
    assert misspelt("releases", apps) == ""
    assert "did you mean 'releases'" in misspelt("releeases", apps)
    assert "elephants" not in sys.modules
