"""``python -m django_deploykit COMMAND``: runs our commands, even in a broken project."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from django_deploykit import __version__, init
from django_deploykit.conf.commands import OURS
from django_deploykit.management import execute_from_command_line
from django_deploykit.project import default_variables, nearest

PROGRAM = "python -m django_deploykit"
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
    elif problem := _typo(name):
        print(problem, file=sys.stderr)
        sys.exit(2)
    else:
        for variable, value in default_variables(Path.cwd()).items():
            os.environ.setdefault(variable, value)
        execute_from_command_line([PROGRAM, *words])


def help_text() -> str:
    """Return the help, with a line for each of our commands."""
    from django.core.management import load_command_class

    helps = [f"  {name:<14}{load_command_class('django_deploykit', name).help}" for name in OURS]
    helps.append(f"  {'init':<14}{init.HELP}")
    return _HELP.format("\n".join(helps))


def _typo(name: str) -> str:
    """Return an error message for a misspelled command of ours, else an empty string."""
    import django.core.management as django_management

    known = (*OURS, *django_management.find_commands(django_management.__path__[0]))
    guess = "" if name in known else nearest(name, (*OURS, "init"))
    return f"error: there is no command {name!r}{guess}" if guess else ""


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main(sys.argv)
