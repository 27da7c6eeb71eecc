"""``python -m django_deploykit COMMAND``: as manage.py, and tells of settings that do not load."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

# They read deploykit.ini, commits and hosts: the working copy's settings are not theirs.
_WITHOUT_SETTINGS = ("bundle", "release")


def main() -> None:
    """Run a command with the settings that manage.py names, or without any where it needs none."""
    sys.path.insert(0, os.getcwd())
    if len(sys.argv) > 1 and sys.argv[1] in _WITHOUT_SETTINGS:
        _run_alone(sys.argv[1])
        return
    from django.core.management import execute_from_command_line

    from django_deploykit.conf.errors import show_without_traceback
    from django_deploykit.project import default_settings

    show_without_traceback()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", default_settings(Path.cwd()))
    execute_from_command_line(sys.argv)


def _run_alone(name: str) -> None:
    """Run a command without loading the project: twice as fast to start, whatever is broken there."""
    from django.conf import settings

    settings.configure()
    module = import_module(f"django_deploykit.management.commands.{name}")
    module.Command().run_from_argv(sys.argv)


if __name__ == "__main__":
    main()
