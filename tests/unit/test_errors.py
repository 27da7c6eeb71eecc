"""Errors that people see."""

from __future__ import annotations

from django_deploykit.errors import DeployKitError, Problems


def test_several_problems_are_one_error_with_a_line_each() -> None:
    error = Problems("cannot release:", ["no lock file", "no Procfile"], "See the docs.", 3)
    assert isinstance(error, DeployKitError)
    assert error.message == "cannot release:\n  - no lock file\n  - no Procfile"
    assert (error.problems, error.hint, error.exit_code) == (
        ("no lock file", "no Procfile"),
        "See the docs.",
        3,
    )
