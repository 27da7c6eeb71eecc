"""The page "How to add …": a check that is added as it says works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import ROOT, blocks

PAGE = ROOT / "docs" / "development" / "adding.md"
SETTINGS = "SECRET_KEY = 'x'\nINSTALLED_APPS = ['django_deploykit']\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository to which the page's blocks of code are added."""
    copy = tmp_path_factory.mktemp("checkout")
    junk = shutil.ignore_patterns("__pycache__")
    for name in ("django_deploykit", "tests/unit/checks"):
        shutil.copytree(ROOT / name, copy / name, ignore=junk)
    for name in (
        "tests/__init__.py",
        "tests/unit/__init__.py",
        "tests/settings.py",
        "tests/projects.py",
    ):
        shutil.copy(ROOT / name, copy / name)
    for block in blocks(PAGE):
        place, _, name = block.note.rpartition(" ")
        if place == "append to":
            with (copy / name).open("a", encoding="utf-8") as file:
                file.write("\n\n" + block.text)
        elif place == "add to CASES of":
            text = (copy / name).read_text(encoding="utf-8")
            head = "CASES: Cases = {\n"
            (copy / name).write_text(text.replace(head, head + block.text), encoding="utf-8")
    return copy


def python(checkout: Path, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the package of the copy."""
    env = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": ""}
    return subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True
    )


def findings(checkout: Path, folder: Path, settings: str) -> list[dict[str, Any]]:
    """Run the new check on a project with these settings; returns what it finds."""
    (folder / "manage.py").write_text("")
    (folder / "shop_settings.py").write_text(SETTINGS + settings)
    words = ("deploy_check", "--only", "W312", "--tag", "accounts", "--format", "json")
    done = python(checkout, folder, "-m", "django_deploykit", *words, "--settings", "shop_settings")
    assert done.returncode == 0, done.stderr  # it is a warning
    data = json.loads(done.stdout)
    assert data["checks_run"] == 1
    rows: list[dict[str, Any]] = data["findings"]
    return rows


def test_the_check_finds_a_project_that_fails_it(checkout: Path, tmp_path: Path) -> None:
    (found,) = findings(checkout, tmp_path, "PASSWORD_RESET_TIMEOUT = 30 * 86400\n")
    assert (found["id"], found["level"]) == ("deploykit.W312", "WARNING")
    assert (found["path"], found["line"]) == ("shop_settings.py", 3)
    assert found["message"] == "PASSWORD_RESET_TIMEOUT is 30 days; expected at most 7"


def test_the_check_finds_nothing_in_a_project_that_passes_it(
    checkout: Path, tmp_path: Path
) -> None:
    assert findings(checkout, tmp_path, "") == []


def test_the_check_is_listed_and_explained(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "shop_settings.py").write_text(SETTINGS)
    words = ("-m", "django_deploykit", "deploy_check", "--settings", "shop_settings")
    done = python(checkout, tmp_path, *words, "--explain", "W312")
    assert "deploykit.W312: Links to reset a password are valid for more than a week" in done.stdout
    assert "Anyone who reads an old email can take over the account." in done.stdout


def test_the_tests_that_the_page_adds_pass(checkout: Path) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-k", "W312 or every_check", "-c", os.devnull)
    modules = ("tests/unit/checks/test_accounts.py", "tests/unit/checks/test_catalogue.py")
    settings = ("--ds", "tests.settings", f"--rootdir={checkout}")
    done = python(checkout, checkout, "-m", "pytest", *options, *settings, *modules)
    assert "5 passed" in done.stdout, done.stdout + done.stderr
