"""Turns a line of a Procfile into shell text whose process replaces the shell.

The final process must be the one that gets the signals and the sockets (LISTEN_PID names it). dash,
Debian's ``sh``, only replaces itself with its last command if that starts with ``exec``.
"""

from __future__ import annotations

import re
import shlex
from typing import Collection

# These keep their meaning inside one command: quotes, substitutions, redirections of a descriptor.
_KEPT = re.compile(
    r"'[^']*'"
    r'|"(?:\\.|[^"\\])*"'
    r"|\$\([^()]*\)|`[^`]*`|\\.|\d*[<>]&[\d-]|&>>?",
    re.DOTALL,
)
_WORD = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\([^()]*\)|\\.|[^\s'"\\|&;<>()])*"""
_ASSIGNMENTS = re.compile(r"\s*(?:[A-Za-z_]\w*=" + _WORD + r"\s+)*", re.DOTALL)
_COMPOUND = re.compile(r"\s*(?:if|for|while|until|case|!|\{)(?=\s)")
_JOINED = re.compile(r"&&|\|\||;|\n")


def shell_command(command: str, scripts: Collection[str] = ()) -> str:
    """Return the shell text that runs a Procfile line followed by the caller's arguments.

    ``scripts`` are programs of the release that its Python can run directly.

    >>> shell_command("gunicorn shop.wsgi")
    'exec gunicorn shop.wsgi "$@"'
    >>> shell_command("gunicorn shop.wsgi", ["gunicorn"])
    'exec "$VIRTUAL_ENV/bin/python" "$VIRTUAL_ENV/bin/gunicorn" shop.wsgi "$@"'
    >>> shell_command("WORKERS=2 celery -A shop worker")
    'WORKERS=2 exec celery -A shop worker "$@"'
    >>> shell_command("yes | python manage.py migrate")
    "exec /bin/sh -c 'yes | python manage.py migrate'"
    >>> shell_command("gunicorn --workers $(nproc) shop.wsgi")
    "exec /bin/sh -c 'exec gunicorn --workers $(nproc) shop.wsgi'"
    """
    start = _behind_assignments(command)
    plain = not any(char in command for char in "|&;<>()`\n")
    if plain and not any(char in command[:start] for char in "'\""):
        return f'{_with_exec(command, scripts)} "$@"'
    whole = _with_exec(command, scripts) if _is_one(command) else command
    return f"exec /bin/sh -c {shlex.quote(whole)}"


def keeps_shell(command: str) -> bool:
    """Return whether a shell remains as the parent of the final process of a line.

    >>> keeps_shell("python manage.py migrate && gunicorn shop.wsgi")
    True
    >>> keeps_shell("python manage.py migrate && exec gunicorn shop.wsgi")
    False
    """
    if _is_one(command):
        return False
    joints = list(_JOINED.finditer(_masked(command)))
    last = command[joints[-1].end() :] if joints else command
    return not (_is_one(last) and _executes(last))


def _is_one(command: str) -> bool:
    """Return whether this is one command, without lists, pipes, subshells or keywords."""
    masked = _masked(command)
    return not re.search(r"[|&;()\n]", masked) and not _COMPOUND.match(masked)


def _masked(command: str) -> str:
    """Return the command with quoted text, substitutions and redirections masked by underscores.

    So a search does not find ``;`` or ``|`` inside them. The length is unchanged.
    """
    return _KEPT.sub(lambda found: "_" * len(found[0]), command)


def _behind_assignments(command: str) -> int:
    match = _ASSIGNMENTS.match(command)
    return match.end() if match else 0


def _executes(command: str) -> bool:
    return bool(re.match(r"exec\s", command[_behind_assignments(command) :]))


def _with_exec(command: str, scripts: Collection[str]) -> str:
    if _executes(command):
        return command.strip()
    start = _behind_assignments(command)
    rest = command[start:].strip()
    name = rest.split(None, 1)[0] if rest else ""
    if name in scripts:
        rest = f'"$VIRTUAL_ENV/bin/python" "$VIRTUAL_ENV/bin/{name}"{rest[len(name) :]}'
    return f"{command[:start].lstrip()}exec {rest}"
