"""What is measured of the tests, and in which processes."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from django_deploykit.release.runtime_archive import runtime_archive
from tests.measuring.pythons import PACKAGE, hook, sums, write_base
from tests.measuring.report import Count, by_room, combine, problem, room, source_of, table
from tests.projects import ROOT

coverage = pytest.importorskip("coverage", reason="coverage is not installed")
TOTAL = Count("all", 1000, 960, 100, 90)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python that measures, into a folder of its own."""
    (tmp_path / "data").mkdir()
    top = tmp_path / "python"
    top.mkdir()
    return write_base(top, sysconfig.get_path("purelib"), str(tmp_path / "data"))


def ran(tmp_path: Path, python: Path, *words: str) -> set[str]:
    """Run a program; return the files of the package that were measured, by their paths below it."""
    done = subprocess.run([python, "-I", "-S", *words], capture_output=True, text=True)
    assert done.stderr == ""
    found = coverage.CoverageData(str(combine(tmp_path)))
    found.read()
    return {
        Path(path).relative_to(PACKAGE).as_posix()
        for path in found.measured_files()
        if found.lines(path)
    }


@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.execv('/bin/true', ['true'])"])
def test_a_process_is_measured_however_it_ends(tmp_path: Path, python: Path, end: str) -> None:
    program = f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); import django_deploykit.errors\n"
    assert "errors.py" in ran(tmp_path, python, "-c", program + end)


def test_the_runtime_is_measured_in_an_archive(tmp_path: Path, python: Path) -> None:
    archive = runtime_archive().write(tmp_path)
    found = ran(tmp_path, python, str(archive), "facts", "--root", str(tmp_path / "site"))
    assert {"runtime/cli/main.py", "runtime/deploy/facts.py"} <= found


def test_files_that_never_ran_count_too(tmp_path: Path, python: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import django_deploykit.errors"
    ran(tmp_path, python, "-c", program)
    found = coverage.CoverageData(str(tmp_path / "coverage"))
    found.read()
    assert str(PACKAGE / "health.py") in found.measured_files()


def test_another_version_is_not_measured(tmp_path: Path, python: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "older" / PACKAGE.name)
    path = tmp_path / "older" / PACKAGE.name / "errors.py"
    path.write_text("\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'older')!r}); "
    found = ran(tmp_path, python, "-c", program + "import django_deploykit.errors")
    assert "__init__.py" in found
    assert "errors.py" not in found


def test_a_process_without_the_package_is_not_measured(tmp_path: Path, python: Path) -> None:
    program = "import json, sys; sys.exit('coverage' in sys.modules)"
    assert ran(tmp_path, python, "-c", program) == set()


def test_the_hook_has_its_values() -> None:
    found: dict[str, object] = {}
    text = hook("/library", "").replace("if DATA:", "if False:")
    exec(text, found)
    assert (found["LIBRARY"], found["DATA"], found["PYTHON"]) == ("/library", "", "")
    assert found["SUMS"] == sums()


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "/srv/shop/releases/1/lib/python3.11/site-packages/django_deploykit/health.py",
            "health.py",
        ),
        (
            "/home/d/.cache/django-deploykit/runtime/1f.pyz/runtime/cli/main.py",
            "runtime/cli/main.py",
        ),
        ("/repository/django_deploykit/shop-1.pyz/runtime/bootstrap.py", "runtime/bootstrap.py"),
    ],
)
def test_a_file_of_a_site_is_one_of_this_working_copy(path: str, source: str) -> None:
    assert source_of(path) == str(PACKAGE / source)


def test_a_table_has_a_row_for_each_room() -> None:
    files = [
        Count("errors.py", 10, 10),
        Count("bundle/locks/uv.py", 30, 15, 4, 1),
        Count("bundle/build.py", 10, 5),
        Count("runtime/cli/verbs/facts.py", 50, 50),
    ]
    assert [room(one.name) for one in files] == [".", "bundle", "bundle", "runtime/cli"]
    rows = by_room(files)
    assert [(one.name, one.lines, one.ran) for one in rows] == [
        (".", 10, 10),
        ("bundle", 40, 20),
        ("runtime/cli", 50, 50),
        ("all", 100, 80),
    ]
    assert table(rows).splitlines()[2].split() == ["bundle", "40", "50.0%", "4", "25.0%"]


@pytest.mark.parametrize(
    ("missing", "lines", "branches", "text"),
    [
        ([], 96, 90, ""),
        ([], 96.1, 90, "96.00% of the lines ran; it must be at least 96.1%"),
        ([], 96, 91, "90.00% of the branches were taken; it must be at least 91%"),
        (["lab"], 0, 0, "nothing was measured in: lab"),
    ],
)
def test_too_little_is_a_problem(
    missing: list[str], lines: float, branches: float, text: str
) -> None:
    assert problem(TOTAL, missing, lines, branches) == text
