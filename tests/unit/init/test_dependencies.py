"""How a project comes to a lock file with us in it."""

from __future__ import annotations

import pytest

from django_deploykit.init.dependencies import Locking, plan_locking

OURS = "./vendor/django_deploykit-1-py3-none-any.whl"
COMPILE = ("pip", "compile", "-q", "--universal", "--generate-hashes", "requirements.in", "-o")
HASHED = "django==5.2 \\\n    --hash=sha256:0\n"


def planned(elsewhere: str = "", **files: str) -> Locking:
    """Return the plan for a project with files: ``requirements_txt`` is ``requirements.txt``."""
    names = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    return plan_locking(names.get, OURS, lambda: ["django~=5.2.0"], "3.12", elsewhere=elsewhere)


@pytest.mark.parametrize(
    ("lock", "advice"),
    [
        ("../uv.lock", f"uv add --no-sync {OURS}"),
        ("../../poetry.lock", f"poetry add --lock {OURS}"),
        ("../requirements.txt", f"add {OURS} to its source, and lock again"),
        ("requirements/live.txt", f"add {OURS} to its source, and lock again"),
    ],
)
@pytest.mark.parametrize("files", [{}, {"requirements_in": "django\n"}])
def test_a_lock_file_elsewhere_gets_no_other_next_to_manage_py(
    lock: str, advice: str, files: dict[str, str]
) -> None:
    assert planned(lock, **files) == Locking(advice=f"{lock}: {advice}")
    known = {lock: "django-deploykit==1\n"}
    assert plan_locking(known.get, OURS, list, "3.12", elsewhere=lock) == Locking()


def test_uv_adds_us_to_a_member_of_a_workspace() -> None:
    found = planned("../uv.lock", pyproject_toml="[project]\nname = 'shop'\n")
    assert found.arguments == ("add", "--no-sync", OURS)
    assert found.locked == ("pyproject.toml", "../uv.lock")


def test_a_project_without_dependencies_gets_the_running_django() -> None:
    found = planned()
    assert found.files == {"requirements.in": f"django~=5.2.0\n{OURS}\n"}
    assert found.arguments == (*COMPILE, "requirements.txt", "--python-version", "3.12")
    assert found.locked == ("requirements.txt",)


@pytest.mark.parametrize("text", ["django>=5\n", "django>=5"])
def test_requirements_without_hashes_become_the_source(text: str) -> None:
    found = planned(requirements_txt=text)
    assert found.files == {"requirements.in": f"django>=5\n{OURS}\n"}
    assert found.locked == ("requirements.txt",)


def test_a_source_that_is_there_gets_a_line() -> None:
    found = planned(requirements_in="django\r\n", requirements_txt=HASHED)
    assert found.files == {"requirements.in": f"django\r\n{OURS}\r\n"}


def test_a_compiled_file_without_its_source_is_left_to_the_user() -> None:
    found = planned(requirements_txt=HASHED)
    assert found == Locking(advice=f"requirements.txt: add {OURS} to its source, and lock again")


def test_a_folder_of_requirements_is_locked_into_one_file() -> None:
    found = planned(requirements__base_txt="django\n", requirements__production_txt="-r base.txt\n")
    assert found.files == {"requirements.in": f"-r requirements/production.txt\n{OURS}\n"}
    assert found.locked == ("requirements.lock",)


@pytest.mark.parametrize("lock", [{"uv_lock": ""}, {}])
def test_uv_adds_us_itself(lock: dict[str, str]) -> None:
    found = planned(pyproject_toml="[project]\nname = 'shop'\n", **lock)
    assert found.arguments == ("add", "--no-sync", OURS)
    assert found.locked == ("pyproject.toml", "uv.lock")


def test_a_pyproject_of_tools_only_is_not_a_list_of_dependencies() -> None:
    assert planned(pyproject_toml="[tool.ruff]\n").locked == ("requirements.txt",)


@pytest.mark.parametrize(
    ("pyproject", "words", "lock"),
    [
        ("[tool.poetry]\n", ("poetry", "add", "--lock", OURS), "poetry.lock"),
        ("[project]\n[tool.pdm]\n", ("pdm", "add", "--no-sync", OURS), "pdm.lock"),
        ("[tool.poetry]\ndjango-deploykit = '*'\n", ("poetry", "lock"), "poetry.lock"),
        (
            "[project]\ndependencies = ['django-deploykit']\n[tool.pdm]\n",
            ("pdm", "lock"),
            "pdm.lock",
        ),
    ],
)
def test_the_tool_that_the_project_uses_adds_us(
    pyproject: str, words: tuple[str, ...], lock: str
) -> None:
    found = planned(pyproject_toml=pyproject, requirements_txt="old\n")
    assert found.arguments[:2] == ("tool", "run")
    assert found.arguments[-len(words) :] == words
    assert found.locked == (lock, "pyproject.toml")
    assert found.files == {}


@pytest.mark.parametrize(
    ("pipfile", "expected"),
    [
        (
            "[packages]\ndjango = '*'\n",
            f"[packages]\ndjango-deploykit = {{path = \"{OURS}\"}}\ndjango = '*'\n",
        ),
        ("", f'[packages]\ndjango-deploykit = {{path = "{OURS}"}}\n'),
    ],
)
def test_a_pipfile_gets_a_line(pipfile: str, expected: str) -> None:
    found = plan_locking({"Pipfile": pipfile}.get, OURS, list, "3.12")
    assert found.files == {"Pipfile": expected}
    assert found.arguments[-2:] == ("pipenv", "lock")
    assert found.locked == ("Pipfile.lock",)


def test_a_setup_py_is_compiled_with_us() -> None:
    found = planned(setup_py="", setup_cfg="[options]\ninstall_requires =\n  unused\n")
    assert found.files == {"requirements.in": f"{OURS}\n"}
    assert "setup.py" in found.arguments


def test_what_a_setup_cfg_declares_is_written_down() -> None:
    found = planned(setup_cfg="[options]\ninstall_requires =\n  django>=5\n  # why\n  celery\n")
    assert found.files == {"requirements.in": f"django>=5\ncelery\n{OURS}\n"}


def test_paths_are_those_of_the_folder_above() -> None:
    found = plan_locking({"requirements.in": ""}.get, OURS, list, "3.12", "..")
    assert (found.folder, found.locked) == ("..", ("../requirements.txt",))
    assert list(found.files) == ["../requirements.in"]


@pytest.mark.parametrize("lock", ["poetry_lock", "pdm_lock", "pylock_toml", "requirements_lock"])
def test_locks_of_other_tools_are_left_to_them(lock: str) -> None:
    found = planned(**{lock: "", "requirements_txt": "django\n"})
    assert not found.arguments
    assert found.advice.startswith(lock.replace("_", ".") + ": ")
    assert OURS in found.advice
    assert found.command == "" or found.advice.endswith(f": run {found.command}")


def test_the_command_of_the_tool_is_known() -> None:
    assert planned(poetry_lock="").command == f"poetry add --lock {OURS}"
    assert planned(Pipfile_lock="").command == f"pipenv install {OURS}"
    assert planned(poetry_lock='name = "django-deploykit"\n') == Locking()


@pytest.mark.parametrize(
    "files",
    [
        {"requirements_in": f"django\n{OURS}\n", "requirements_txt": HASHED},
        {"requirements_in": "Django_Deploykit>=1\n", "requirements_txt": HASHED},
        {"requirements_txt": HASHED + "django-deploykit==1 --hash=sha256:0\n"},
        {
            "pyproject_toml": '[project]\ndependencies = [\n  "django-deploykit>=1",\n]\n',
            "uv_lock": 'name = "django-deploykit"\n',
        },
        {"poetry_lock": 'name = "django-deploykit"\n'},
        {"requirements_lock": "django-deploykit==1 --hash=sha256:0\n"},
    ],
)
def test_a_project_that_has_us_needs_nothing(files: dict[str, str]) -> None:
    assert planned(**files) == Locking()


def test_requirements_that_name_us_but_are_not_locked_are_locked() -> None:
    found = planned(requirements_txt="django\ndjango-deploykit\n")
    assert found.files == {"requirements.in": "django\ndjango-deploykit\n"}
    assert found.locked == ("requirements.txt",)
