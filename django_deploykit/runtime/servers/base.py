"""The properties of an application server, and how its command listens on inherited sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Collection, Dict, Iterable, Match, Tuple

# A word of the shell: without spaces and operators, or with them in quotes or ${}.
_WORD = r"""(?:'[^']*'|"[^"]*"|\$\{[^}]*\}|[^\s;&|'"])+"""


def _no_environment(drain: float) -> Dict[str, str]:
    return {}


def _no_options(version: str) -> Dict[str, str]:
    return {}


def _as_it_is(command: str, locked: Collection[str]) -> str:
    return command


@dataclass(frozen=True)
class Server:
    """An application server that a Procfile may run as ``web``.

    Its processes inherit two listening sockets as descriptors 3 and 4: the site's, and the
    release's own for probes (``LISTEN_FDS``, ``LISTEN_PID``, see sd_listen_fds(3)).
    """

    name: str  # of the program
    # Returns the Procfile's default `web` command, or an empty string if the server cannot run the
    # project. Arguments: WSGI application, ASGI application (empty if none), locked distributions.
    default_command: Callable[[str, str, Collection[str]], str]
    # Returns a `web` command that listens on both inherited sockets, and nowhere else. Arguments: the
    # command of the Procfile, locked distributions.
    on_sockets: Callable[[str, Collection[str]], str] = _as_it_is
    distributions: Tuple[str, ...] = ()  # that have the program; by default the one of its name
    # Whether its `on_sockets` runs a program of django_deploykit/servers/.
    wrapped: bool = False
    # Whether it notifies systemd when it is ready (sd_notify); others count as ready at once.
    notifies: bool = False
    # Returns the environment of its unit, given the drain time in seconds.
    unit_environment: Callable[[float], Dict[str, str]] = _no_environment
    # Returns texts that are put before the values of variables, for every process of a release,
    # given the locked version. They contain no characters that a shell treats specially.
    options: Callable[[str], Dict[str, str]] = _no_options
    # Options that are unsuitable for production: a pattern, and what the option does.
    risky_options: Tuple[Tuple[str, str], ...] = ()

    def is_in(self, command: str) -> bool:
        """Whether a Procfile's command runs this server.

        >>> Server("gunicorn", lambda *_: "").is_in("A=1 bin/gunicorn shop.wsgi")
        True
        """
        return runs(command, self.name)

    def missing(self, locked: Collection[str]) -> bool:
        """Whether none of the locked distributions has the program."""
        return not any(name in locked for name in self.distributions or (self.name,))


def runs(command: str, program: str) -> bool:
    """Return whether a Procfile's command runs a program.

    >>> runs("exec bin/uwsgi shop", "uwsgi"), runs("my-uwsgi shop", "uwsgi")
    (True, False)
    >>> runs("bash -c 'uwsgi shop'", "uwsgi")
    True
    """
    return bool(re.search(rf"(?:^|[\s/;&|('\"]){re.escape(program)}(?:\s|$)", command))


def for_asgi(command: str) -> Callable[[str, str, Collection[str]], str]:
    """Return a ``default_command`` that runs an ASGI application if the command's server is locked.

    >>> for_asgi("daphne -p 80")("", "shop.asgi:application", ["daphne"])
    'daphne -p 80 shop.asgi:application'
    """
    name = command.split()[0]

    def default_command(wsgi: str, asgi: str, distributions: Collection[str]) -> str:
        serves = asgi and not wsgi and name in distributions
        return f"{command} {asgi}" if serves else ""

    return default_command


def without_options(command: str, names: Iterable[str]) -> str:
    """Return a command without options and their values.

    >>> without_options("daphne -b 0.0.0.0 -p${PORT:-80} --port=8000 shop.asgi", ["-b", "-p", "--port"])
    'daphne shop.asgi'
    """
    for name in names:
        between = r"(?:=|\s+)" if name.startswith("--") else r"=?\s*"
        command = re.sub(rf"\s{name}{between}{_WORD}", "", command)
    return command


def replace_program(command: str, name: str, text: str) -> str:
    """Return a command with other text in place of the program, which ``python -m`` may run.

    ``{folder}`` in the text stands for the absolute path of the program's folder, if it has one.

    >>> replace_program("A=1 python -m hypercorn shop.asgi", "hypercorn", "hypercorn -w 2")
    'A=1 hypercorn -w 2 shop.asgi'
    >>> replace_program("/usr/bin/uwsgi x", "uwsgi", "env A=1 {folder}uwsgi")
    'env A=1 /usr/bin/uwsgi x'
    """
    before = r"""[\s;&|('"]"""
    python = r"(?:(?:[^\s;&|'\"(]*/)?python[\d.]*\s+-m\s+)?"
    program = rf"(^|{before}){python}(/[^\s;&|'\"]*/)?(?:[^\s;&|'\"(]*/)?{re.escape(name)}(?=\s|$)"

    def replaced(found: Match[str]) -> str:
        return found[1] + text.replace("{folder}", found[2] or "")

    return re.sub(program, replaced, command, count=1)
