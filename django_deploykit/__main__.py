"""``python -m django_deploykit COMMAND``: as manage.py, and tells of settings that do not load."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run a command with the settings that manage.py names."""
    from django.core.management import execute_from_command_line

    from django_deploykit.conf.errors import show_without_traceback
    from django_deploykit.project import default_settings

    show_without_traceback()
    sys.path.insert(0, os.getcwd())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", default_settings(Path.cwd()))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
