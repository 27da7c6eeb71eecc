"""The three commands. ``manage.py`` may take ``execute_from_command_line`` from here."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["execute_from_command_line"]


def execute_from_command_line(argv: Sequence[str] | None = None) -> None:
    """Run a command of ``manage.py``, as Django's function of the same name does.

    Settings that do not load are reported in one line, with exit code 2. ``help`` lists our
    commands without them, ``bundle`` and ``release`` start without them, and ``deploy_check`` checks
    with those of production. See docs/decisions/0061.
    """
    from django_deploykit.management.command_line import execute

    execute(argv)
