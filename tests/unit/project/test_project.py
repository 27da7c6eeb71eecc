"""Where the project is, and what ``deploykit.ini`` says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.errors import Problems, ProjectError
from django_deploykit.project import find_project, load_project, read_project, starting_folder

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}.settings")\n'


def make(root: Path, package: str = "shop", ini: str = "") -> Path:
    """Return a project's folder, with no more in it than says what it is."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "manage.py").write_text(MANAGE.format(package), encoding="utf-8")
    (root / "deploykit.ini").write_text(ini, encoding="utf-8")
    return root


def test_a_project_is_found_from_a_folder_below(tmp_path: Path) -> None:
    root = make(tmp_path / "repo")
    below = root / "shop" / "templates"
    below.mkdir(parents=True)
    assert find_project(below).root == root


def test_a_folder_without_manage_py_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no manage\.py in .* or above"):
        find_project(tmp_path)


@pytest.mark.parametrize("program", ["../other/manage.py", "{}/other/manage.py"])
def test_the_manage_py_that_runs_overrides_the_current_folder(program: str, tmp_path: Path) -> None:
    here, other = make(tmp_path / "here"), make(tmp_path / "other")
    assert find_project(starting_folder(program.format(tmp_path), here)).root == other


@pytest.mark.parametrize("program", ["/usr/bin/django-admin", ""])
def test_other_programs_look_in_the_current_folder_and_above(program: str, tmp_path: Path) -> None:
    root = make(tmp_path / "repo")
    (root / "docs").mkdir()
    assert find_project(starting_folder(program, root / "docs")).root == root


@pytest.mark.parametrize(
    ("package", "ini", "name"),
    [
        ("shop", "", "shop"),
        ("config", "[project]\nname = store\n", "store"),
        ("config", "[project]\nsettings = store.settings.production\n", "store"),
    ],
)
def test_a_project_is_named_by_its_ini_or_its_settings(
    package: str, ini: str, name: str, tmp_path: Path
) -> None:
    assert load_project(make(tmp_path / "repo", package, ini)).name == name


def test_neither_the_folder_nor_a_variable_names_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "other.settings")
    root = make(tmp_path / "shop", "config")
    with pytest.raises(ProjectError, match="no committed file says the project's name") as caught:
        load_project(root)
    assert "name = shop" in caught.value.hint
    assert read_project(root).name == ""


def test_a_class_of_the_settings_is_found_in_wsgi_py_or_written(tmp_path: Path) -> None:
    line = 'os.environ.setdefault("DJANGO_CONFIGURATION", "{}")\n'
    root = make(tmp_path)
    assert load_project(root).configuration == ""
    with (root / "manage.py").open("a", encoding="utf-8") as file:
        file.write(line.format("Development"))
    assert load_project(root).configuration == "Development"
    (root / "wsgi.py").write_text(line.format("Production"), encoding="utf-8")
    assert load_project(root).configuration == "Production"
    make(tmp_path, ini="[project]\nconfiguration = Live\n")
    assert load_project(root).configuration == "Live"


@pytest.mark.parametrize(
    ("word", "value"), [("yes", True), ("On", True), ("1", True), ("no", False), ("FALSE", False)]
)
def test_a_switch_has_several_words(word: str, value: bool, tmp_path: Path) -> None:
    root = make(tmp_path, ini=f"[bundle]\nallow_unhashed = {word}\n")
    assert load_project(root).allow_unhashed is value


def test_all_mistakes_are_reported_with_their_lines(tmp_path: Path) -> None:
    ini = """
[project]
name = My Shop
lok = uv.lock
[bundel]
build = true
[bundle]
allow_unhashed = maybe
python = 3
"""
    with pytest.raises(Problems) as caught:
        load_project(make(tmp_path, ini=ini))
    assert [problem.partition("deploykit.ini:")[2] for problem in caught.value.problems] == [
        "3: name must be lower-case letters, digits and dashes, at most 31, not 'My Shop'",
        "4: [project] has no option lok; did you mean 'lock'?",
        "6: there is no section [bundel]; did you mean 'bundle'?",
        "8: allow_unhashed must be yes or no, not 'maybe'",
        "9: python must look like 3.11, not '3'",
    ]


def test_mistakes_can_be_read_beside_the_values_that_are_right(tmp_path: Path) -> None:
    project = read_project(make(tmp_path, ini="[bundle]\npython = 3\nplatform = any\n"))
    assert (project.python, project.platform, len(project.problems)) == ("", "any", 1)


def test_the_inventory_is_read_once(tmp_path: Path) -> None:
    project = load_project(make(tmp_path, ini="[environment:production]\nhosts = web1\n"))
    assert list(project.inventory) == ["local", "production"]
    assert project.inventory is project.inventory


def test_inputs_need_a_build(tmp_path: Path) -> None:
    ini = "[bundle]\nbuild = npm run build\ninputs =\n    assets\n    package.json\n"
    project = load_project(make(tmp_path, ini=ini))
    assert project.inputs == ("assets", "package.json")
    with pytest.raises(Problems, match=r"deploykit\.ini:2: inputs are what `build` reads"):
        load_project(make(tmp_path, ini="[bundle]\ninputs = assets\n"))


def test_git_ignores_the_folder_of_build_results(tmp_path: Path) -> None:
    work = load_project(make(tmp_path)).work
    assert (work / ".gitignore").read_text(encoding="utf-8") == "*\n"
