"""``python -m django_deploykit COMMAND``: runs our commands, even in a broken project."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from django_deploykit import __version__, init
from django_deploykit.project import default_settings, nearest, read_project

PROGRAM = "python -m django_deploykit"
COMMANDS = ("deploy_check", "bundle", "release")
# They read commits and hosts, so they start without the settings. That is twice as fast, and a
# broken working copy does not stop them.
_WITHOUT_SETTINGS = ("bundle", "release")
_HELP = f"""usage: {PROGRAM} COMMAND [OPTIONS]

{{}}

COMMAND --help shows a command's options. Other commands are those of manage.py."""


def main(argv: Sequence[str]) -> None:
    """Run a command. ``argv`` starts with the program, like ``sys.argv``."""
    words = list(argv[1:])
    if words[:1] == ["help"] and len(words) > 1:
        words = [words[1], "--help"]
    name = words[0] if words else "help"
    if name in ("help", "--help", "-h"):
        print(help_text())
    elif name in ("version", "--version"):
        print(f"django-deploykit {__version__}")
    elif name == "init":
        from django_deploykit.init.command import main as run_init

        sys.exit(run_init(words[1:]))
    elif name in _WITHOUT_SETTINGS:
        _run_without_settings([PROGRAM, *words])
    elif problem := _typo(name):
        print(problem, file=sys.stderr)
        sys.exit(2)
    else:
        _run_with_settings([PROGRAM, *words])


def help_text() -> str:
    """Return the help, with a line for each of our commands."""
    from django.core.management import load_command_class

    helps = [
        f"  {name:<14}{load_command_class('django_deploykit', name).help}" for name in COMMANDS
    ]
    helps.append(f"  {'init':<14}{init.HELP}")
    return _HELP.format("\n".join(helps))


def _typo(name: str) -> str:
    """Return an error message for a misspelled command of ours, else an empty string."""
    import django.core.management as django_management

    known = (*COMMANDS, *django_management.find_commands(django_management.__path__[0]))
    guess = "" if name in known else nearest(name, (*COMMANDS, "init"))
    return f"error: there is no command {name!r}{guess}" if guess else ""


def _run_without_settings(argv: list[str]) -> None:
    from django.conf import settings
    from django.core.management import load_command_class

    settings.configure()
    load_command_class("django_deploykit", argv[1]).run_from_argv(argv)


def _run_with_settings(argv: list[str]) -> None:
    from django.core.management import execute_from_command_line

    from django_deploykit.conf.errors import show_without_traceback

    show_without_traceback(argv[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", _settings_for(argv[1]))
    execute_from_command_line(argv)


def _settings_for(command: str) -> str:
    """Return the settings to load: those that serve the site if they are checked."""
    here = Path.cwd()
    production = read_project(here).settings if command == "deploy_check" else ""
    return production or default_settings(here)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main(sys.argv)
