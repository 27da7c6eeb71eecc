"""What sudo says on a host. Verbs on a real one: ``tests/integration/test_ssh.py``."""

from __future__ import annotations

import pytest

from django_deploykit.release.transports.ssh import sudo_problem


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "sudo: sorry, you must have a tty to run sudo",
            "sudo on the host only works on a terminal (requiretty)",
        ),
        ("sudo: a password is required", "sudo on the host asks for a password"),
    ],
)
def test_sudo_that_does_not_run_a_verb_is_explained(said: str, message: str) -> None:
    problem = sudo_problem(said)
    assert problem is not None
    assert problem.message == message
    assert "USER" in problem.hint or "--user" in problem.hint


@pytest.mark.parametrize("said", ["", "MemoryError", "a password is required by the database"])
def test_other_text_is_not_sudo_s(said: str) -> None:
    assert sudo_problem(said) is None
