"""The command that makes a lock file, chosen by the files of a project."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.locks.making import how_to_make

COMPILE = "uv pip compile --universal --generate-hashes"


@pytest.mark.parametrize(
    ("files", "command", "lock"),
    [
        ({"pyproject.toml": "[tool.poetry]\n"}, "poetry lock", "poetry.lock"),
        (
            {"pyproject.toml": "[project]\n[tool.poetry]\npackage-mode = false\n"},
            "poetry lock",
            "poetry.lock",
        ),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\n", "requirements.txt": "old\n"},
            "poetry lock",
            "poetry.lock",
        ),
        ({"pyproject.toml": "[project]\n[tool.pdm]\n"}, "pdm lock", "pdm.lock"),
        ({"pyproject.toml": "[project]\n[tool.pdm.build]\n"}, "uv lock", "uv.lock"),
        ({"pyproject.toml": "[project]\n"}, "uv lock", "uv.lock"),
        ({"pyproject.toml": "[project"}, "uv lock", "uv.lock"),
        ({"Pipfile": "", "pyproject.toml": "[project]\n"}, "pipenv lock", "Pipfile.lock"),
        (
            {"requirements.in": "", "pyproject.toml": "[project]\n"},
            f"{COMPILE} requirements.in -o requirements.txt",
            "requirements.txt",
        ),
        (
            {"requirements/base.txt": "", "pyproject.toml": "[tool.ruff]\n"},
            f"{COMPILE} requirements/base.txt -o requirements.lock",
            "requirements.lock",
        ),
        (
            {"setup.py": "", "setup.cfg": ""},
            f"{COMPILE} setup.py -o requirements.txt",
            "requirements.txt",
        ),
    ],
)
def test_it_is_that_of_what_the_project_uses(
    files: dict[str, str], command: str, lock: str
) -> None:
    found = how_to_make(files.get)
    assert (found.command, found.lock) == (command, lock)
    assert found.hint == f"Lock the dependencies: {command}"


def test_loose_requirements_become_the_source() -> None:
    found = how_to_make({"requirements.txt": "django>=5\n"}.get)
    assert found.hint.endswith(
        f": git mv requirements.txt requirements.in && {COMPILE} requirements.in -o requirements.txt"
    )


def test_what_nobody_has_written_down_is_written_first() -> None:
    found = how_to_make(dict[str, str]().get)
    assert found.missing
    assert found.hint.startswith("Write what the project needs to requirements.in")
