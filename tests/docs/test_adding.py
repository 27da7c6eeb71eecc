"""The page "How to add …": a check, a lock file reader, a web server and an engine that it adds work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.docs.markdown import ROOT, blocks
from tests.unit.management.sessions import shop_bundle
from tests.unit.release.fakes import NEW

PAGE = ROOT / "docs" / "development" / "adding.md"
SETTINGS = "SECRET_KEY = 'x'\nINSTALLED_APPS = ['django_deploykit']\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository to which the page's blocks of code are added."""
    copy = tmp_path_factory.mktemp("checkout")
    junk = shutil.ignore_patterns("__pycache__")
    tests = ("checks", "runtime/webservers")
    for name in ("django_deploykit", *(f"tests/unit/{one}" for one in tests)):
        shutil.copytree(ROOT / name, copy / name, ignore=junk)
    for name in (
        "tests/__init__.py",
        "tests/unit/__init__.py",
        "tests/unit/bundle/__init__.py",
        "tests/unit/bundle/locks/__init__.py",
        "tests/unit/runtime/__init__.py",
        "tests/settings.py",
        "tests/projects.py",
    ):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    for block in blocks(PAGE):
        place, _, name = block.note.rpartition(" ")
        if place == "file":
            assert not (copy / name).exists(), f"{name} is no longer free for the page's example"
            (copy / name).write_text(block.text, encoding="utf-8")
        elif place == "append to":
            with (copy / name).open("a", encoding="utf-8") as file:
                file.write("\n\n" + block.text)
        elif place == "import in":
            insert(copy / name, r"from __future__ import annotations\n", block.text)
        elif match := re.fullmatch(r"add to (\w+) of", place):
            insert(copy / name, rf"{match[1]}\b.* = \{{\n", block.text)
    return copy


def insert(path: Path, head: str, text: str) -> None:
    """Insert a text below the one line that matches a pattern."""
    before = path.read_text(encoding="utf-8")
    after, count = re.subn(f"^{head}", lambda match: match[0] + text, before, flags=re.MULTILINE)
    assert count == 1, f"{path}: {count} lines match {head}"
    path.write_text(after, encoding="utf-8")


def python(checkout: Path, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the package of the copy."""
    env = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": ""}
    return subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True
    )


def findings(checkout: Path, folder: Path, settings: str) -> list[Document]:
    """Run the new check on a project with these settings; returns what it finds."""
    (folder / "manage.py").write_text("")
    (folder / "shop_settings.py").write_text(SETTINGS + settings)
    words = ("deploy_check", "--only", "W399", "--tag", "accounts", "--format", "json")
    done = python(checkout, folder, "-m", "django_deploykit", *words, "--settings", "shop_settings")
    assert done.returncode == 0, done.stderr  # it is a warning
    data = json.loads(done.stdout)
    assert data["checks_run"] == 1
    rows: list[Document] = data["findings"]
    return rows


def test_the_check_finds_a_project_that_fails_it(checkout: Path, tmp_path: Path) -> None:
    (found,) = findings(checkout, tmp_path, "PASSWORD_RESET_TIMEOUT = 30 * 86400\n")
    assert (found["id"], found["level"]) == ("deploykit.W399", "WARNING")
    assert (found["path"], found["line"]) == ("shop_settings.py", 3)
    assert found["message"] == "PASSWORD_RESET_TIMEOUT is 30 days; expected at most 7"


def test_the_check_finds_nothing_in_a_project_that_passes_it(
    checkout: Path, tmp_path: Path
) -> None:
    assert findings(checkout, tmp_path, "") == []


def test_the_check_is_listed_and_explained(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "shop_settings.py").write_text(SETTINGS)
    words = ("-m", "django_deploykit", "deploy_check", "--settings", "shop_settings")
    done = python(checkout, tmp_path, *words, "--explain", "W399")
    assert "deploykit.W399: Links to reset a password are valid for more than a week" in done.stdout
    assert "Anyone who reads an old email can take over the account." in done.stdout


def run_tests(checkout: Path, *words: str) -> str:
    """Run tests of the copy; returns what pytest prints."""
    options = ("-q", "-p", "no:cacheprovider", "-c", os.devnull)
    settings = ("--ds", "tests.settings", f"--rootdir={checkout}")
    done = python(checkout, checkout, "-m", "pytest", *options, *settings, *words)
    return done.stdout + done.stderr


def test_the_tests_of_the_check_pass(checkout: Path) -> None:
    modules = ("tests/unit/checks/test_accounts.py", "tests/unit/checks/test_catalogue.py")
    said = run_tests(checkout, "-k", "W399 or every_check", *modules)
    assert "5 passed" in said, said


def test_the_tests_of_the_lock_file_reader_pass(checkout: Path) -> None:
    said = run_tests(checkout, "tests/unit/bundle/locks/test_made.py")
    assert "1 passed" in said, said


def test_the_tests_of_the_web_server_pass(checkout: Path) -> None:
    module = "tests/unit/runtime/webservers/test_webservers.py"
    said = run_tests(checkout, "-k", "example", module)
    assert " passed" in said, said
    assert "failed" not in said, said


def test_the_engine_releases_goes_back_and_says_what_it_lacks(
    checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "manage.py").write_text("")
    (tmp_path / "deploykit.ini").write_text(
        "[project]\nname = shop\n[environment:handed]\nengine = folder\nfolder = out\n"
    )
    out, earlier = tmp_path / "out", "20200101T000000-aaaaaaa"
    out.mkdir()
    shop_bundle(tmp_path)

    def release(*words: str, code: int = 0) -> str:
        line = ("-m", "django_deploykit", "release", "handed", *words)
        done = python(checkout, tmp_path, *line)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    said = release("--bundle", "shop.pyz", "--plan")
    assert said.splitlines() == [
        "copy           this machine: copy shop.pyz to out",
        f"switch         this machine: let live.pyz be {NEW}",
    ]
    assert list(out.iterdir()) == []
    release("status", code=1)
    assert f"{NEW} is live on folder" in release("--bundle", "shop.pyz")
    assert (out / "live.pyz").read_bytes() == (tmp_path / "shop.pyz").read_bytes()
    assert f"nothing to do: {NEW} is live" in release("--bundle", "shop.pyz")
    assert "has no other bundle" in release("rollback", code=1)
    (out / f"{earlier}.pyz").write_bytes(b"")
    assert f"{earlier} is live on folder" in release("rollback")
    assert f"folder: {earlier} is live on out" in release("status")
    assert "the engine folder of handed has no logs" in release("logs", code=2)
