"""Whether a project builds a wheel of itself, and building it in a copy of the tracked files."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.own_wheel import (
    NotBuiltError,
    Site,
    backend_of,
    declares_distribution,
    find_distribution,
    validate_own_wheel,
)
from django_deploykit.bundle.source import find_commit
from django_deploykit.errors import BundleError
from tests.projects import commit, start_repository
from tests.wheels import source_files, write_tree

BUILD = '[build-system]\nrequires = []\nbuild-backend = "x.build:y"\n'
NAMED = '[project]\nname = "shop"\n'


@pytest.mark.parametrize(
    ("files", "declared"),
    [
        ({}, False),
        ({"pyproject.toml": "[tool.black]\n"}, False),
        ({"pyproject.toml": NAMED}, False),  # an application of uv
        ({"pyproject.toml": BUILD}, False),
        ({"pyproject.toml": BUILD + NAMED}, True),
        ({"pyproject.toml": NAMED + "[tool.uv]\npackage = true\n"}, True),
        ({"pyproject.toml": BUILD + NAMED + "[tool.uv]\npackage = false\n"}, False),
        ({"pyproject.toml": BUILD + '[tool.poetry]\nname = "shop"\n'}, True),
        ({"pyproject.toml": BUILD + '[tool.poetry]\nname = "s"\npackage-mode = false\n'}, False),
        ({"pyproject.toml": BUILD + NAMED + "[tool.pdm]\ndistribution = false\n"}, False),
        ({"pyproject.toml": BUILD + '[tool.flit.metadata]\nmodule = "shop"\n'}, True),
        ({"setup.cfg": "[metadata]\nname = shop\n"}, False),  # uv and pip build nothing of it
        ({"pyproject.toml": BUILD, "setup.cfg": "[metadata]\nname = shop\n"}, True),
        ({"pyproject.toml": BUILD, "setup.cfg": "[flake8]\nname = shop\n"}, False),
        ({"pyproject.toml": BUILD, "setup.cfg": "no INI file"}, False),
        ({"setup.py": "from setuptools import setup\nsetup()\n"}, True),
    ],
)
def test_a_backend_and_a_name_declare_a_distribution(
    files: dict[str, str], declared: bool, tmp_path: Path
) -> None:
    write_tree(tmp_path, files)
    assert declares_distribution(tmp_path) == declared


def test_the_nearest_declaration_up_to_the_repository_counts(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/b/manage.py": "", "setup.py": "setup()"})
    assert find_distribution(tmp_path / "a", "b/") is None
    assert find_distribution(tmp_path, "a/b/") == ""
    write_tree(tmp_path, {"a/pyproject.toml": BUILD + NAMED})
    assert find_distribution(tmp_path, "a/b/") == "a/"
    assert (backend_of(tmp_path / "a"), backend_of(tmp_path)) == ("x", "setuptools")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a backend of its own, which needs no index."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    files = {**source_files("shop"), "manage.py": "", "templates/a.html": ""}
    write_tree(tmp_path / "shop", files)
    start_repository(tmp_path / "shop")
    return tmp_path / "shop"


def validate(project: Path, changed: tuple[str, ...] = (), limit: float = 60) -> None:
    site = Site(("shop",), (project / "templates", Path("/elsewhere"), project))
    validate_own_wheel(find_commit(project, "HEAD")[0], changed, site, limit)


def test_the_wheel_is_built_once_for_the_same_files(project: Path) -> None:
    lacks = "lacks a file that git tracks: templates/a.html"
    with pytest.raises(BundleError, match=lacks):
        validate(project)
    with pytest.raises(BundleError, match=lacks):
        validate(project, limit=0)  # no time, and none is needed
    (project / "templates" / "a.html").unlink()
    with pytest.raises(NotBuiltError, match="was not built within 0 s"):
        validate(project, ("templates/a.html",), limit=0)
    validate(project, ("templates/a.html",))
    assert sorted(path.name for path in project.iterdir()) == [
        ".git", "PKG-INFO", "backend.py", "manage.py", "pyproject.toml", "shop.py", "templates",
    ]  # fmt: skip


def test_a_backend_that_fails_is_named_with_its_error(project: Path) -> None:
    (project / "backend.py").write_text("def build_wheel(*_):\n    raise ValueError('no README')\n")
    with pytest.raises(BundleError, match="tracked files: ValueError: no README") as found:
        validate(project, ("backend.py",))
    assert not isinstance(found.value, NotBuiltError)


def test_a_backend_that_is_not_here_leaves_it_open(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("[]", "['no-such-backend']", 1))
    with pytest.raises(NotBuiltError, match=r"could not be built here: .*no-such-backend"):
        validate(project, ("pyproject.toml",))


def test_a_declaration_that_git_does_not_track_does_not_count(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").unlink()
    commit(project)
    (project / "pyproject.toml").write_text(text)
    validate(project)
