"""The variable that an exception of the settings is about."""

from __future__ import annotations

import pytest

from django_deploykit.conf.required_variables import required_variable


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
