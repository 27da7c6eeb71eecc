"""The ``web`` line of the Procfile: what its application server cannot do as a release.

A release gives its sockets to the server. Options that leave the supervisor, listen elsewhere or
speak TLS themselves cannot work then. They may be in the line or in a file that it names.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.runtime.servers import SERVERS, UNSUITABLE, server_in
from django_deploykit.runtime.servers.base import runs
from django_deploykit.runtime.servers.uwsgi import ADDRESSES

_OWN = "django-deploykit"
_VARIABLE = re.compile(r"\$\{\w+:?-(?P<default>[^}]*)\}|\$\{\w+[^}]*\}|\$\w+|\$\([^()]*\)|`[^`]*`")
_REDIRECTED = re.compile(r"\s\d*[<>]&?>?\s*\S+")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_SHELL = re.compile(r"(?:.*/)?(?:ba|da)?sh")
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*")
# Tools that run a program in the virtualenv of a project. No release has them, nor needs them.
_RUNNERS = re.compile(r"(?:^|[\s'\"])(?P<runner>(?:poetry|pipenv|pdm|uv|hatch|rye) run)\s+")
# A line of a file with options: of Python, TOML or INI.
_SETTING = re.compile(r"(?P<name>[A-Za-z][\w-]*)\s*=\s*(?P<value>.*?)\s*(?:#.*)?$")
_FALSE = ("", "false", "none", "0", "no", "off", "[]", "()")


@dataclass(frozen=True)
class Unfit:
    """An option that a release cannot use, and why."""

    names: tuple[str, ...]  # with two dashes also the option of a file
    why: str
    instead: str = "Remove it."
    values: str = ""  # a pattern, for only some values
    flag: bool = False  # it takes no value in a line
    line: bool = True  # also in a line; some are only wrong in a file


@dataclass(frozen=True)
class Rules:
    """What is known of a server's options."""

    unfit: tuple[Unfit, ...]
    configs: tuple[str, ...] = ()  # options whose value is a file with options
    default_config: str = ""
    section: str = ""  # of its files
    names_files: bool = False  # an argument may be such a file


_TLS = "speaks TLS, which the web server in front does: a release is asked by plain HTTP"
_USER = "changes the user, which a process of a release may not: it runs as the site's own user"
_ELSEWHERE = "listens on an address of its own, which two releases cannot both use"
_FORKS = "leaves the supervisor, which takes the process for dead"
_RELOAD = "watches files from another process, which listens on an address of its own"
_TRIO = "runs on trio, and Django only runs on asyncio"

_RULES: dict[str, Rules] = {
    "gunicorn": Rules(
        (
            Unfit(("-D", "--daemon"), _FORKS, flag=True),
            Unfit(("--certfile", "--keyfile"), _TLS),
            Unfit(("-u", "--user", "-g", "--group"), _USER),
        ),
        configs=("-c", "--config"),
        default_config="gunicorn.conf.py",
    ),
    "uvicorn": Rules(
        (
            Unfit(("--reload",), _RELOAD, flag=True),
            Unfit(("--ssl-certfile", "--ssl-keyfile"), _TLS),
        ),
    ),
    "daphne": Rules((Unfit(("-e", "--endpoint"), _TLS, values=r"ssl:"),)),
    "hypercorn": Rules(
        (
            Unfit(("-k", "--worker-class"), _TRIO, "Write -k asyncio or -k uvloop.", "trio$"),
            Unfit(("--certfile", "--keyfile"), _TLS),
            Unfit(("--quic-bind",), _ELSEWHERE),
            Unfit(("--reload", "--use-reloader"), _RELOAD, flag=True),
        ),
        configs=("-c", "--config"),
    ),
    "uwsgi": Rules(
        (
            Unfit(("-d", "--daemonize", "--daemonize2"), _FORKS),
            Unfit(("--https", "--https2", "--https-socket", "--ssl-socket"), _TLS),
            Unfit(("--emperor",), "starts other instances, which do not get the sockets"),
            Unfit(
                tuple(name for name in ADDRESSES if name.startswith("--")),
                _ELSEWHERE,
                "Remove it from the file, and write it in the line: --http :$PORT.",
                values=r"(?!fd://[34]$)",
                line=False,
            ),
            Unfit(
                ("-H", "--home", "--virtualenv", "--venv", "--pyhome"),
                "names another virtualenv, and a release is one",
                values=r"/",
            ),
        ),
        configs=("--ini",),
        section="uwsgi",
        names_files=True,
    ),
}


def words_of(command: str) -> list[str]:
    """Return the words of the last program that a line starts, or [] if they are not known.

    A variable has its default, or "1". What the shell redirects is left out. Of what starts the
    program, such as ``env`` or ``bash -c``, nothing is left.

    >>> words_of("A=b exec gunicorn --bind 0.0.0.0:$PORT -w ${N:-2} shop.wsgi 2>&1")
    ['gunicorn', '--bind', '0.0.0.0:1', '-w', '2', 'shop.wsgi']
    >>> words_of("env A=b python -m uvicorn shop.asgi:application")
    ['uvicorn', 'shop.asgi:application']
    """
    plain = _VARIABLE.sub(lambda found: found["default"] or "1", command)
    try:
        inner = _inner(shlex.split(plain))
        if inner:
            return words_of(inner)
        last = re.split(r"&&|\|\||[;|]", _REDIRECTED.sub(" ", plain))[-1]
        words = _without_start(shlex.split(last.strip(" ()")))
    except ValueError:
        return []
    started = len(words) > 2 and words[1] == "-m" and _PYTHON.fullmatch(words[0])
    return words[2:] if started and words[2] in SERVERS else words


def _without_start(words: list[str]) -> list[str]:
    while words and (words[0] in ("exec", "env") or _ASSIGNED.match(words[0])):
        words = words[1:]
    return words


def _inner(words: list[str]) -> str:
    """Return the command that a shell runs for ``bash -c``, or an empty string."""
    words = _without_start(words)
    if len(words) != 3 or not _SHELL.fullmatch(words[0]):
        return ""
    return words[2] if re.fullmatch(r"-[a-z]*c", words[1]) else ""


def iter_web_problems(
    command: str, names: Collection[str], folder: Path
) -> Iterator[tuple[str, str]]:
    """Yield why a release cannot run a ``web`` line, and what to do about it.

    ``names`` are the locked distributions, ``folder`` has the project's files.
    """
    unsuitable = next((name for name in UNSUITABLE if runs(command, name)), "")
    if unsuitable:
        yield (
            f"{unsuitable} {UNSUITABLE[unsuitable]}, so two releases cannot share a socket without a gap",
            "Write web: gunicorn PROJECT.wsgi, or web: uvicorn PROJECT.asgi:application.",
        )
        return
    server = server_in(command)
    if server is None:
        return
    runner = _RUNNERS.search(command)
    if runner:
        tool = runner["runner"].partition(" ")[0]
        command = command.replace(runner[0].lstrip(), "")
        yield (
            f"no release has {tool}, and its virtualenv has {server.name}",
            f"Write web: {command}",
        )
    if server.missing(names) and not re.search(rf"(?:^|\s)/\S*/{server.name}(?:\s|$)", command):
        yield (
            f"{server.name} is not among the locked dependencies",
            f"Add {server.name} to the project's requirements and lock again.",
        )
    elif server.wrapped and _OWN not in names:
        yield (
            f"{_OWN} is not among the locked dependencies, and {server.name} needs it to take over sockets",
            f"Add {_OWN} to the project's requirements and lock again.",
        )
    words = words_of(command)
    if words and words[0].rpartition("/")[2] == server.name:
        yield from iter_option_problems(server.name, words[1:], folder)


def iter_option_problems(name: str, words: list[str], folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the options of a server that a release cannot use, in its line and its files.

    >>> list(iter_option_problems("gunicorn", ["-D", "shop.wsgi"], Path("/nowhere")))[0][0]
    '-D leaves the supervisor, which takes the process for dead'
    """
    rules = _RULES.get(name)
    if rules is None:
        return
    for one in rules.unfit:
        for option in one.names if one.line else ():
            for value in values_of(words, option, one.flag):
                if re.match(one.values, value):
                    said = option if one.flag or not one.values else f"{option} {value}"
                    yield f"{said} {one.why}", one.instead
    files = [value for option in rules.configs for value in values_of(words, option)]
    if rules.names_files:
        files += [one for one in words if re.match(r"[^-].*\.ini(?::\w+)?$", one)]
    for file in dict.fromkeys(files or [rules.default_config]):
        yield from _iter_file_problems(rules, file.removeprefix("file:"), folder)


def values_of(words: list[str], option: str, flag: bool = False) -> Iterator[str]:
    """Yield the values with which an option is given, "" for each time if it is a flag.

    >>> list(values_of(["-w2", "--workers=3", "--workers", "4"], "--workers"))
    ['3', '4']
    """
    for place, word in enumerate(words):
        if word == option:
            yield "" if flag else "".join(words[place + 1 : place + 2])
        elif option.startswith("--") and word.startswith(f"{option}="):
            yield word.partition("=")[2]
        elif not option.startswith("--") and word.startswith(option) and not flag:
            yield word[len(option) :].removeprefix("=")


def _iter_file_problems(rules: Rules, file: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the options in a file of a server that a release cannot use."""
    if file.startswith("python:"):  # a module
        file = file.removeprefix("python:").replace(".", "/") + ".py"
    name, _, part = file.partition(":")
    path, section = folder / name, part or rules.section
    inside = not section
    for number, text in enumerate(_lines_of(path), 1):
        if section and text.startswith("["):
            inside = text.strip() == f"[{section}]"
        found = _SETTING.match(text) if inside else None
        if found is None:
            continue
        option = "--" + found["name"].replace("_", "-")
        value = found["value"].strip("'\"")
        for one in rules.unfit:
            if option in one.names and value.lower() not in _FALSE and re.match(one.values, value):
                yield f"{name}:{number}: {found['name']} = {value} {one.why}", one.instead


def _lines_of(path: Path) -> list[str]:
    try:
        return (
            path.read_text(encoding="utf-8", errors="replace").splitlines()
            if path.is_file()
            else []
        )
    except OSError:
        return []
