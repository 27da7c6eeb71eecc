"""The line that lets the deploy user run the root helper."""

from __future__ import annotations

from django_deploykit.runtime.supervisors.sudoers import sudoers


def test_sudo_lets_one_user_run_one_program() -> None:
    lines = [line for line in sudoers("shop", "deploy").splitlines() if not line.startswith("#")]
    assert lines == [
        "Defaults!/usr/local/libexec/deploykit-shop !requiretty",  # verbs have no terminal
        "deploy ALL=(root) NOPASSWD: /usr/local/libexec/deploykit-shop",
    ]
