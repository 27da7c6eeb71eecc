"""Reading a line of the Procfile as the shell and the program that it starts do."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_deploykit.conf.serving import is_asgi_command
from django_deploykit.project.web_line import values_of, words_of
from django_deploykit.runtime.bundle.manifest import Process

# Settings of gunicorn whose values depend on the host.
_OF_HOST = frozenset(("user", "group", "chdir", "certfile", "keyfile", "ca_certs", "pidfile"))
_WORKERS = dict.fromkeys(("gevent", "gevent_wsgi", "gevent_pywsgi"), "gevent") | {
    name: name for name in ("eventlet", "tornado")
}


class LineError(Exception):
    """A program does not accept its arguments. The text says why."""


@dataclass(frozen=True)
class ServerLine:
    """What an application server reads in its line: an application, and files that it needs."""

    application: str = ""
    files: tuple[str, ...] = ()


def read_server(words: list[str]) -> ServerLine | None:
    """Return what the application server of a line reads in it, by the server's own parser.

    Return None for other programs and servers that are not installed. Raise :class:`LineError` if
    the server would refuse to start.
    """
    name = words[0].rpartition("/")[2] if words else ""
    parse = _PARSERS.get(name)
    if parse is None:
        return None
    try:
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
            return parse(words[1:])
    except ImportError:
        return None
    except SystemExit:
        lines = said.getvalue().strip().splitlines() or ["it exits"]
        raise LineError(lines[-1].partition("error: ")[2] or lines[-1]) from None


def _gunicorn(words: list[str]) -> ServerLine:
    from gunicorn.config import Config

    config = Config()
    given = vars(config.parser().parse_args(words))
    for key, value in given.items():
        if value is None or key == "args" or key.lower() in _OF_HOST:
            continue
        try:
            config.set(key.lower(), value)
        except (TypeError, ValueError, AttributeError) as error:
            raise LineError(f"{key}: {error}") from None
    kind = str(given.get("worker_class") or "")
    if kind and not re.search(r"[.:]", kind):
        from gunicorn import SERVER_SOFTWARE, workers

        known = [*workers.SUPPORTED_WORKERS]
        if kind not in known:
            raise LineError(
                f"{SERVER_SOFTWARE} has no worker class {kind}, only {', '.join(known)}"
            )
    module = _WORKERS.get(kind, kind.partition(".")[0] if "." in kind else "")
    if module and not module_exists(module):
        raise LineError(f"the worker class {kind} requires {module}, which is not installed")
    named = given.get("config")
    files = (str(named),) if named and not str(named).startswith("python:") else ()
    application = next(iter(given["args"]), "")
    if application and ":" not in application:
        application += ":application"
    return ServerLine(application, files)


def _uvicorn(words: list[str]) -> ServerLine:
    import click  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from uvicorn.main import main  # type: ignore[import-not-found,import-untyped,unused-ignore]

    try:
        context = main.make_context("uvicorn", list(words))
    except click.ClickException as error:
        raise LineError(error.format_message()) from None
    return ServerLine(str(context.params.get("app") or ""))


def _daphne(words: list[str]) -> ServerLine:
    from daphne.cli import CommandLineInterface  # type: ignore[import-not-found,import-untyped,unused-ignore]

    given = CommandLineInterface().parser.parse_args(words)
    return ServerLine(str(given.application))


def _hypercorn(words: list[str]) -> ServerLine:
    program: Any = importlib.import_module("hypercorn.__main__")
    found: list[Any] = []
    run, load = program.run, program._load_config  # noqa: SLF001

    def keep(config: Any) -> int:
        found.append(config)
        return 0

    # Its parser is part of the function that runs it. Its file is read in the project's folder later.
    program.run, program._load_config = keep, lambda _: load(None)  # noqa: SLF001
    try:
        program.main(words)
    finally:
        program.run, program._load_config = run, load  # noqa: SLF001
    config = found[0]
    if config.worker_class not in ("asyncio", "uvloop"):
        raise LineError(f"no release can use the worker class {config.worker_class}")
    if config.worker_class == "uvloop" and not module_exists("uvloop"):
        raise LineError("the worker class uvloop requires uvloop, which is not installed")
    files = [after for one, after in itertools.pairwise(words) if one in ("-c", "--config")]
    named = tuple(one.removeprefix("file:") for one in files if not one.startswith("python:"))
    return ServerLine(str(config.application_path), named)


def _uwsgi(words: list[str]) -> ServerLine | None:
    """Let uWSGI itself read its arguments, and end before it reads its files."""
    program = shutil.which("uwsgi", path=sysconfig.get_path("scripts"))
    if program is None or not words:
        raise ImportError
    # Neither of the two is an option. uWSGI ends at the first one, unless that is taken for a value.
    ends = ("--deploykit-end", "--deploykit-value")
    done = subprocess.run(
        [program, *words, *ends], capture_output=True, text=True, timeout=30, check=False
    )
    said = next((one for one in done.stderr.splitlines() if "option '" in one), "")
    if ends[1] in said:
        raise LineError(f"option {words[-1]!r} requires an argument")
    if said and ends[0] not in said:
        raise LineError(said.partition(": ")[2])
    modules = [one for name in ("-w", "--module", "--wsgi") for one in values_of(words, name)]
    files = [one for name in ("--ini", "--wsgi-file", "--file") for one in values_of(words, name)]
    files += [one for one in words if re.fullmatch(r"[^-].*\.ini", one) and one not in files]
    if not modules and not files:
        return None  # other options can name an application, too
    return ServerLine(next(iter(modules), ""), tuple(files))


def _waitress(words: list[str]) -> ServerLine:
    from getopt import GetoptError

    from waitress.adjustments import Adjustments  # type: ignore[import-not-found,import-untyped,unused-ignore]

    try:
        _, others = Adjustments.parse_args(words)[:2]
    except (GetoptError, ValueError) as error:
        raise LineError(str(error)) from None
    return ServerLine(next((one for one in others if isinstance(one, str)), ""))


# The parser of each application server, by the name of its program.
_PARSERS: dict[str, Callable[[list[str]], ServerLine | None]] = {
    "gunicorn": _gunicorn,
    "uvicorn": _uvicorn,
    "daphne": _daphne,
    "hypercorn": _hypercorn,
    "uwsgi": _uwsgi,
    "waitress-serve": _waitress,
}


def module_exists(name: str) -> bool:
    """Whether a module can be found. Packages that it is in are imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def applications(processes: Iterable[Process]) -> tuple[str, ...]:
    """Return the applications that the web process runs and that exist, ``shop.wsgi:application``."""
    return tuple(_iter_applications(processes))


def _iter_applications(processes: Iterable[Process]) -> Iterator[str]:
    for process in processes:
        if process.name != "web":
            continue
        try:
            line = read_server(words_of(process.command))
        except LineError:
            continue  # E843 has it
        if line and line.application and module_exists(line.application.partition(":")[0]):
            yield line.application


def iter_line_problems(
    process: Process, root: Path, tracked: tuple[str, ...] | None
) -> Iterator[tuple[str, str]]:
    """Yield what stops a process from starting, and what to do about it.

    ``root`` is the project's folder, and ``tracked`` its files that git tracks, or None.
    """
    words = words_of(process.command)
    if not words:
        return
    try:
        server = read_server(words)
    except LineError as error:
        yield f"{words[0]} refuses its arguments: {error}", f"See {words[0]} --help."
        server = None
    nothing = server is not None and not (server.application or server.files)
    if nothing and not (root / "gunicorn.conf.py").is_file():
        yield f"{words[0]} names no application", f"Write web: {_example(words[0])}."
    files = [*_files_of(words), *(server.files if server else ())]
    for name in files:
        if problem := _file_problem(name, root, tracked):
            yield f"{name} {problem}", f"Run git add {shlex.quote(name)}, or correct the Procfile."
    if (
        _is_own(words[0])
        and (root / words[0]).is_file()
        and not os.access(root / words[0], os.X_OK)
    ):
        file = shlex.quote(words[0])
        fix = f"Run git update-index --chmod=+x {file} && chmod +x {file}."
        yield f"{words[0]} is not executable", fix
    yield from _command_problem(words)


def _example(program: str) -> str:
    name = program.rpartition("/")[2]
    served = "PROJECT.asgi:application" if is_asgi_command(name) else "PROJECT.wsgi"
    return f"{program} {'--module ' if name == 'uwsgi' else ''}{served}"


def _files_of(words: list[str]) -> Iterator[str]:
    """Yield the files of the project that a line runs."""
    if _is_own(words[0]):
        yield words[0]
    runs_file = re.fullmatch(r"python[\d.]*|(?:ba|da)?sh", words[0].rpartition("/")[2])
    if runs_file and len(words) > 1 and not words[1].startswith(("-", "/")):
        yield words[1]


def _is_own(program: str) -> bool:
    """Whether a program is a file of the project, because it is written with a relative path."""
    return "/" in program and not os.path.isabs(program)


def _file_problem(name: str, root: Path, tracked: tuple[str, ...] | None) -> str:
    path = os.path.normpath(name)
    if path.startswith(".."):
        return ""
    if not (root / path).is_file():
        return "does not exist"
    return "is not tracked by git" if tracked is not None and path not in tracked else ""


def _command_problem(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield a problem for a command of manage.py that does not exist."""
    from django.core.management import get_commands

    names = [one.rpartition("/")[2] for one in words]
    if "manage.py" not in names[:2]:
        return
    rest = names[names.index("manage.py") + 1 :]
    name = next((one for one in rest if not one.startswith("-")), "")
    if name and name not in get_commands():
        yield (
            f"there is no command {name!r} of manage.py",
            "Correct its name, or add its app to INSTALLED_APPS.",
        )
