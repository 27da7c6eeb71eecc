"""The files that a command of the Procfile writes, by its options and by the project's Celery app."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# The options of programs that name a file to write, with what is in it.
_SCHEDULE, _LOG, _PID, _STATE = "schedule", "log", "process id", "state"
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "celery beat": {"-s": _SCHEDULE, "--schedule": _SCHEDULE, "--pidfile": _PID, "-f": _LOG}
    | {"--logfile": _LOG},
    "celery worker": {"-s": _SCHEDULE, "--schedule": _SCHEDULE, "--schedule-filename": _SCHEDULE}
    | {"-S": _STATE, "--statedb": _STATE, "--pidfile": _PID, "-f": _LOG, "--logfile": _LOG},
    "gunicorn": {"-p": _PID, "--pid": _PID, "--log-file": _LOG, "--access-logfile": _LOG}
    | {"--error-logfile": _LOG},
    "daphne": {"--access-log": _LOG},
}
_DATA = '"${STATE_DIRECTORY:-.}/%s"'  # set on hosts and by the environment local
_PERSISTENT = "PersistentScheduler"  # the only scheduler of Celery that writes a file


@dataclass(frozen=True)
class WrittenFile:
    """A file with a path below the folder in which the command starts, and what to write instead."""

    path: str
    hint: str


@dataclass(frozen=True)
class Beat:
    """The part of a Celery app's configuration that says where its schedule is kept."""

    scheduler: str
    file: str


def celery_app(command: str) -> str | None:
    """Return the app of a command that runs Celery's beat, "" if it names none, None for others.

    >>> celery_app("celery -A shop beat"), celery_app("celery --app=shop.celery worker -B")
    ('shop', 'shop.celery')
    >>> celery_app("celery -A shop worker")
    """
    words = _words(command)
    program = _program(words)
    runs = program == "celery beat" or (program == "celery worker" and {"-B", "--beat"} & {*words})
    return _value(words, ("-A", "--app")) if runs else None


def iter_written(command: str, beat: Beat | None) -> Iterator[WrittenFile]:
    """Yield the files that a command writes relative to its folder, which is a release.

    ``beat`` is the configuration of its Celery app, None if it runs no beat.
    """
    words = _words(command)
    program = _program(words)
    if re.search(r"\bcd\s", command) or "--workdir" in command:
        return
    for option, what in _OPTIONS.get(program, {}).items():
        path = _value(words, (option,))
        if _is_relative(path):
            yield WrittenFile(path, _instead(option, path, what))
    if beat and _keeps_file(program, words, beat):
        name = os.path.basename(beat.file)
        option = f"-s {_DATA % name}"
        yield WrittenFile(
            beat.file, f"Write it into the data folder: `{command.strip()} {option}`."
        )


def _keeps_file(program: str, words: Sequence[str], beat: Beat) -> bool:
    """Whether beat keeps its schedule in the file that its configuration or its default names."""
    if _value(words, tuple(name for name, what in _OPTIONS[program].items() if what == _SCHEDULE)):
        return False
    chosen = _value(words, ("-S", "--scheduler") if program == "celery beat" else ("--scheduler",))
    return _PERSISTENT in (chosen or beat.scheduler)


def _instead(option: str, path: str, what: str) -> str:
    if what in (_LOG, _PID):
        keeps = (
            "journald keeps what a process prints" if what == _LOG else "systemd needs no such file"
        )
        return f"Remove {option} {path}: {keeps}."
    return f"Write it into the data folder: `{option} {_DATA % os.path.basename(path)}`."


def _is_relative(path: str) -> bool:
    """Whether a path, as a shell reads it, is relative. A hyphen stands for the output."""
    return bool(path) and not path.startswith(("/", "$", "~", "-"))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # an open quote, which the shell refuses, too
        return []


def _program(words: Sequence[str]) -> str:
    """Return the program that words run, with the subcommand of Celery, or an empty string."""
    names = [os.path.basename(word) for word in words]
    if "celery" in names:
        rest = names[names.index("celery") + 1 :]
        return next((f"celery {word}" for word in rest if word in ("beat", "worker")), "")
    return next((name for name in names if name in _OPTIONS), "")


def _value(words: Sequence[str], names: Sequence[str]) -> str:
    """Return the value of the last of these options, or an empty string."""
    found = ""
    for number, word in enumerate(words):
        for name in names:
            if word == name and number + 1 < len(words):
                found = words[number + 1]
            elif word.startswith(f"{name}=") and name.startswith("--"):
                found = word[len(name) + 1 :]
            elif word.startswith(name) and len(name) == 2 and len(word) > 2:
                found = word[2:].removeprefix("=")
    return found
