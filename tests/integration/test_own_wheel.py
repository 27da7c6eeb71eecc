"""Wheels that projects build of themselves, by real build backends, against what git tracks."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.own_wheel import NotBuiltError, Site, validate_own_wheel
from django_deploykit.bundle.source import find_commit
from django_deploykit.errors import BundleError
from tests.integration.checking import check, copy
from tests.projects import commit, run, start_repository

# Of both layouts, below a package folder: what Python needs, and what a wheel easily lacks.
PACKAGE = {
    "__init__.py": "",
    "settings.py": "",
    "templates/shop/home.html": "welcome",
    "static/shop/a.css": "a{}",
    "locale/de/LC_MESSAGES/django.po": "",
    "locale/de/LC_MESSAGES/django.mo": "",
    "orders/__init__.py": "",
    "orders/fixtures/first.json": "[]",
    "tests/data.json": "[]",
    "README.md": "For people.",
}
LACKING = {
    "shop/templates/shop/home.html",
    "shop/static/shop/a.css",
    "shop/locale/de/LC_MESSAGES/django.mo",
    "shop/orders/fixtures/first.json",
}
MANIFEST = (
    "recursive-include {0}shop/locale *",
    "recursive-include {0}shop/orders/fixtures *",
    "recursive-include {0}shop/static *",
    "recursive-include {0}shop/templates *",
)
PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
FIND = '[tool.setuptools.packages.find]\ninclude = ["shop*"]\n'
CFG = "[metadata]\nname = shop\nversion = 1\n[options]\npackages = find:\n"
CFG_SRC = f"{CFG}package_dir =\n    =src\n[options.packages.find]\nwhere = src\n"
HATCH = f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n{PROJECT}'
POETRY = (
    '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    '[tool.poetry]\nname = "shop"\nversion = "1"\ndescription = ""\nauthors = []\n'
)
FLIT = f'[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n{PROJECT}'
FLIT += 'description = "x"\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, which has no wheels yet."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))


def make(tmp_path: Path, place: str, **files: str) -> Path:
    """Make a repository with the package below ``place``, and files next to manage.py."""
    project = tmp_path / "project"
    texts = {f"{place}shop/{name}": text for name, text in PACKAGE.items()}
    for name, text in {"manage.py": "", **texts, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    start_repository(project)
    return project


def problem(project: Path, *folders: str, modules: tuple[str, ...] = ("shop",)) -> BundleError:
    """Return the error about a project's wheel."""
    found, _ = find_commit(project)
    site = Site(modules, tuple(project / one for one in folders))
    with pytest.raises(BundleError) as error:
        validate_own_wheel(found, (), site, 120)
    return error.value


def fits(project: Path, *folders: str, modules: tuple[str, ...] = ("shop",)) -> bool:
    """Whether nothing is wrong with a project's wheel."""
    found, _ = find_commit(project)
    validate_own_wheel(found, (), Site(modules, tuple(project / one for one in folders)), 120)
    return True


@pytest.mark.parametrize(
    ("place", "files"),
    [
        ("", {"pyproject.toml": SETUPTOOLS + PROJECT + FIND}),
        ("src/", {"setup.cfg": CFG_SRC, "setup.py": "import setuptools\n\nsetuptools.setup()\n"}),
    ],
    ids=["flat", "src"],
)
def test_the_lines_that_setuptools_needs_are_named_and_work(
    place: str, files: dict[str, str], tmp_path: Path
) -> None:
    project = make(tmp_path, place, **files)
    found = problem(project)
    assert found.message.startswith("the project's own wheel lacks files that git tracks: ")
    named = found.message.partition("tracks: ")[2].split(", ")
    assert set(named) == {place + one for one in LACKING}
    lines = [one.format(place) for one in MANIFEST]
    assert f"Add to MANIFEST.in: {'; '.join(lines)}" in found.hint
    (project / "MANIFEST.in").write_text("\n".join(lines) + "\n")
    if "pyproject.toml" not in files:
        assert "Set include_package_data" in found.hint
        new = CFG_SRC.replace("package_dir", "include_package_data = True\npackage_dir")
        (project / "setup.cfg").write_text(new)
    commit(project)
    assert fits(project)


def test_a_backend_that_asks_git_gets_an_answer(tmp_path: Path) -> None:
    scm = SETUPTOOLS.replace('["setuptools"]', '["setuptools", "setuptools-scm"]')
    text = scm + PROJECT.replace('version = "1"', 'dynamic = ["version"]') + FIND
    assert fits(make(tmp_path, "", **{"pyproject.toml": f"{text}[tool.setuptools_scm]\n"}))


def test_backends_that_take_whole_packages_pass(tmp_path: Path) -> None:
    for text, place in ((HATCH, "src/"), (POETRY, "src/"), (FLIT, "")):
        assert fits(make(tmp_path / text[27:35], place, **{"pyproject.toml": text}))


def test_a_file_that_hatchling_leaves_out_is_named(tmp_path: Path) -> None:
    files = {"pyproject.toml": HATCH, ".gitignore": "*.css\n"}
    project = make(tmp_path, "", **files)
    run("git", "add", "-f", "shop/static/shop/a.css", cwd=project)
    commit(project)
    found = problem(project)
    assert found.message.endswith("lacks a file that git tracks: shop/static/shop/a.css")
    line = 'artifacts = ["shop/static/**/*"]'
    assert f"Add to [tool.hatch.build.targets.wheel] of pyproject.toml: {line}" in found.hint
    (project / "pyproject.toml").write_text(f"{HATCH}[tool.hatch.build.targets.wheel]\n{line}\n")
    commit(project)
    assert fits(project)


def test_a_file_that_poetry_leaves_out_is_named(tmp_path: Path) -> None:
    text = f'{POETRY}exclude = ["shop/orders/fixtures"]\n'
    project = make(tmp_path, "", **{"pyproject.toml": text})
    found = problem(project)
    assert found.message.endswith("lacks a file that git tracks: shop/orders/fixtures/first.json")
    assert "[tool.poetry]" in found.hint


def test_an_app_and_folders_beside_the_packages_are_named(tmp_path: Path) -> None:
    files = {"news/__init__.py": "", "news/models.py": "", "templates/base.html": ""}
    text = SETUPTOOLS + PROJECT + FIND + '[tool.setuptools.package-data]\nshop = ["**/*"]\n'
    project = make(tmp_path, "", **{"pyproject.toml": text, **files})
    found = problem(project, "templates", modules=("shop", "news", "django"))
    named = found.message.partition("tracks: ")[2].split(", ")
    assert set(named) == {"news/__init__.py", "news/models.py", "templates/base.html"}
    assert "Add news to packages" in found.hint
    assert "templates is in no package" in found.hint


def test_a_build_that_fails_says_why(tmp_path: Path) -> None:
    text = SETUPTOOLS + PROJECT + 'readme = "docs/README.rst"\n' + FIND
    project = make(tmp_path, "", **{"pyproject.toml": text, "setup.py": "1 / 0  # setup()\n"})
    found = problem(project)
    assert not isinstance(found, NotBuiltError)
    assert found.message == (
        "the project's own wheel does not build from its tracked files: "
        "ZeroDivisionError: division by zero"
    )


def test_without_its_backend_nothing_is_known(tmp_path: Path) -> None:
    text = SETUPTOOLS.replace('"setuptools"', '"no-such-backend-of-ours"') + PROJECT
    found = problem(make(tmp_path, "", **{"pyproject.toml": text}))
    assert isinstance(found, NotBuiltError)
    assert "no-such-backend-of-ours was not found" in found.message


def test_the_declaration_may_be_above_the_project(tmp_path: Path) -> None:
    find = '[tool.setuptools.packages.find]\nwhere = ["web"]\ninclude = ["shop*"]\n'
    project = make(tmp_path, "web/", **{"pyproject.toml": SETUPTOOLS + PROJECT + find})
    (project / "web" / "manage.py").write_text("")
    commit(project)
    found, _ = find_commit(project / "web")
    with pytest.raises(BundleError, match="lacks files that git tracks: web/shop/") as error:
        validate_own_wheel(found, (), Site(("shop",)), 120)
    assert "recursive-include web/shop/templates *" in error.value.hint


def test_deploy_check_names_the_files(clean: Path, tmp_path: Path) -> None:
    project = copy(clean, tmp_path)
    (project / "pyproject.toml").write_text(SETUPTOOLS + PROJECT + FIND)
    commit(project)
    found = [one for one in check(project)["findings"] if one["id"] == "deploykit.W845"]
    assert len(found) == 1
    assert "shop/templates/" in found[0]["message"]
    assert "recursive-include shop/templates *" in found[0]["hint"]
