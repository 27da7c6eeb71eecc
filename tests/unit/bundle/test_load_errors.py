"""Why a project did not load, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from django_deploykit.bundle.load_errors import load_error, more_required
from django_deploykit.bundle.project_side.project_facts import ProjectFacts


def facts(problem: str, where: str = "", stage: str = "settings", hint: str = "") -> ProjectFacts:
    return ProjectFacts(stage, problem, where, hint)


@pytest.mark.parametrize(
    ("text", "problem", "call"),
    [
        ("import os\nKEY = os.environ['KEY']\n", "KeyError: 'KEY'", 'config.secret("KEY")'),
        ("import os\nA = int(os.environ['A'])\n", "KeyError: 'A'", 'config.int("A")'),
        (
            "import environ\nD = environ.Env(DEBUG=bool)('DEBUG')\n",
            "ImproperlyConfigured: Set the DEBUG environment variable",
            'config.str("DEBUG")',
        ),
    ],
)
def test_names_the_remedy_for_a_required_variable(
    text: str, problem: str, call: str, tmp_path: Path
) -> None:
    (tmp_path / "settings.py").write_text(text)
    error = load_error(facts(problem, "settings.py:2"), tmp_path, "shop")
    assert error.message == f"the settings do not import: settings.py:2: {problem}"
    assert f"Read it with {call}, which has a placeholder while building" in error.hint
    assert "python -m django_deploykit.conf move" in error.hint


def test_an_error_elsewhere_has_the_hint_of_its_stage_or_its_own(tmp_path: Path) -> None:
    assert "DEPLOYKIT_BUILD=1" in load_error(facts("X: y"), tmp_path, "shop").hint
    assert load_error(facts("X: y", hint="Do it."), tmp_path, "shop").hint == "Do it."
    missing = facts("ModuleNotFoundError: No module named 'a'", stage="urls")
    assert "lock file" in load_error(missing, tmp_path, "shop").hint


@pytest.mark.parametrize("stage", ["settings", "setup", "urls", "applications"])
@pytest.mark.parametrize(
    "problem",
    [
        "OperationalError: no such table: shop_product",
        "ProgrammingError: relation does not exist",
        "django.db.utils.InterfaceError: closed",
        "ConnectionError: Error 111 connecting to localhost:6379",
    ],
)
def test_a_service_that_is_asked_during_an_import_is_named(
    stage: str, problem: str, tmp_path: Path
) -> None:
    hint = load_error(facts(problem, stage=stage), tmp_path, "shop").hint
    assert "A build has no database" in hint
    assert "in a function that runs later" in hint


def test_paths_of_the_export_are_not_shown(tmp_path: Path) -> None:
    error = load_error(facts(f"OSError: {tmp_path}/shop/keys.json"), tmp_path, "shop")
    assert error.message == "the settings do not import: OSError: shop/keys.json"


def test_all_required_variables_are_named_together(tmp_path: Path) -> None:
    names = ["A", "B", "C"]
    text = "".join(f"{name} = os.environ['{name}']\n" for name in names)
    (tmp_path / "settings.py").write_text(text)

    def load(given: Mapping[str, str]) -> ProjectFacts:
        for number, name in enumerate(names, 1):
            if name not in given:
                return facts(f"KeyError: '{name}'", f"settings.py:{number}")
        return facts("ZeroDivisionError: division by zero", "settings.py:4")

    first = load({})
    required = more_required(first, tmp_path, load)
    assert required == ["B", "C"]
    error = load_error(first, tmp_path, "shop", required)
    assert error.message.endswith("KeyError: 'A'; then these variables are required, too: B, C")
    assert error.hint.endswith("environment = A=… B=… C=…")


@pytest.mark.parametrize("later", [None, facts("KeyError: 'A'", "settings.py:1"), facts("")])
def test_loading_again_ends(later: ProjectFacts | None, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("A = os.environ['A']\n")
    first = facts("KeyError: 'A'", "settings.py:1")
    assert more_required(first, tmp_path, lambda given: later) == []
    assert more_required(facts("OSError: x"), tmp_path, lambda given: later) == []
