"""Why a project did not load, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle.load_errors import load_error, required_variable


def facts(problem: str, where: str = "", stage: str = "settings", **more: Any) -> dict[str, Any]:
    return {"problem": problem, "where": where, "stage": stage, **more}


@pytest.mark.parametrize(
    ("problem", "line", "expected"),
    [
        ("KeyError: 'KEY'", "KEY = os.environ['KEY']", "KEY"),
        ("KeyError: 'KEY'", "return environ[name]", "KEY"),
        ("KeyError: 'KEY'", "KEY = OPTIONS['KEY']", ""),
        ("ImproperlyConfigured: Set the KEY environment variable", "KEY = env('KEY')", "KEY"),
        ("UndefinedValueError: KEY not found. Declare it as envvar or define", "", "KEY"),
        ('EnvError: Environment variable "KEY" not set', "", "KEY"),
        (
            "ValueError: Value 'KEY' is required to be set as the environment variable 'DJANGO_KEY'",
            "",
            "DJANGO_KEY",
        ),
        ("TypeError: int() argument must be", "N = int(os.environ.get('N'))", "N"),
        ("ValueError: invalid literal", 'N = int(os.getenv("N", ""))', "N"),
        (
            "AttributeError: 'NoneType' object has no attribute 'split'",
            "H = os.getenv('H').split()",
            "H",
        ),
        ("ZeroDivisionError: division by zero", "N = 1 / len(os.getenv('N', ''))", ""),
    ],
)
def test_finds_the_variable_that_an_error_is_about(problem: str, line: str, expected: str) -> None:
    assert required_variable(problem, line) == expected


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
    hint = load_error({**facts(problem), "stage": stage}, tmp_path, "shop").hint
    assert "A build has no database" in hint
    assert "in a function that runs later" in hint


def test_paths_of_the_export_are_not_shown(tmp_path: Path) -> None:
    error = load_error(facts(f"OSError: {tmp_path}/shop/keys.json"), tmp_path, "shop")
    assert error.message == "the settings do not import: OSError: shop/keys.json"
