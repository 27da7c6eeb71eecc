"""Runs the release in a container image: its processes, its commands and its health check.

Containers have no supervisor and may have no shell, so this does what ``bin/<app>`` and
``bin/deploykit-run`` do on a host. Then the program replaces this process, so that it is process 1
and gets the signals.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, NoReturn, Optional, Sequence

from .base.errors import WRONG_USE, DeployKitError
from .base.files import read_bytes
from .base.printable import printable
from .base.variables import (
    environment_file,
    ini_files,
    raise_problems,
    read_environment_file,
    read_ini_text,
    section_variables,
)
from .base.words import split_simple
from .bundle.manifest import Manifest, Process
from .servers import server_options
from .storage.shell import shell_command
from .storage.virtualenv import is_relocatable, load_release

SECRETS = Path("/run/secrets")
CREDENTIALS = "CREDENTIALS_DIRECTORY"
PROBE = "--probe"
_PROCESS = "DEPLOYKIT_PROCESS"  # which process of the Procfile this container runs
_SHELL = "/bin/sh"


class Container(NamedTuple):
    """A release in a container, and where its configuration is."""

    root: Path
    manifest: Manifest
    etc: Path
    secrets: Path = SECRETS
    shell: str = _SHELL


class Program(NamedTuple):
    """What to run: a path or a name on the PATH, its arguments with its name, and its environment."""

    path: str
    argv: List[str]
    environ: Dict[str, str]


def main(argv: Sequence[str], root: str) -> int:
    """Run the command of the release in the folder ``root``; return the exit code of an error."""
    try:
        manifest = load_release(Path(root))
        container = Container(Path(root), manifest, Path("/etc", manifest.project))
        environ = environment(container, os.environ)
        if argv[:1] == [PROBE]:
            return probe(environ, argv[1] if len(argv) > 1 else "")
        run(container, find_program(container, argv, environ))
    except DeployKitError as error:
        for text in filter(None, (f"error: {error.message}", error.hint)):
            print(printable(text), file=sys.stderr)
        return error.exit_code


def run(container: Container, program: Program) -> NoReturn:
    """Replace this process with a program."""
    os.chdir(container.root / "app")
    try:
        os.execvpe(program.path, program.argv, program.environ)
    except OSError as error:
        raise DeployKitError(f"{program.path} cannot run: {error.strerror}") from None


def environment(container: Container, environ: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment of a release's commands.

    As on a host, ``<etc>/<app>.env`` is stronger than the variables of the container, which are
    stronger than ``[environment]`` in INI files.
    """
    manifest, root = container.manifest, container.root
    found = dict(environ)
    if CREDENTIALS not in found and container.secrets.is_dir():
        found[CREDENTIALS] = str(container.secrets)
    strong, problems = read_environment_file(environment_file(container.etc, manifest.project))
    files = _ini_texts(container, found.get(CREDENTIALS, ""))
    weak, more = section_variables(files)
    raise_problems([*problems, *more])
    data = {"DEPLOYKIT_DATA": f"/var/lib/{manifest.project}", "PORT": "8000"}
    found = {**manifest.django_variables, **data, **weak, **found, **strong}
    found["VIRTUAL_ENV"] = str(root)
    if not found.get("PATH", "").startswith(f"{root}/bin:"):
        found["PATH"] = f"{root}/bin:{found.get('PATH') or os.defpath}"
    found["PYTHONDONTWRITEBYTECODE"] = "1"
    found["DEPLOYKIT_RELEASE"] = manifest.release_id
    for name, text in server_options(manifest.versions).items():
        if text not in found.get(name, ""):
            found[name] = f"{text} {found.get(name, '')}".strip()
    folder = temporary_folder(found)
    return {**found, "TMPDIR": folder} if folder else found


def _ini_texts(container: Container, credentials: str) -> List["tuple[str, str]"]:
    paths = ini_files(container.etc, container.manifest.project)
    if credentials:
        paths += sorted(Path(credentials).glob("*.ini"))
    try:
        return [(str(path), read_ini_text(path)) for path in paths if path.exists()]
    except OSError as error:
        raise DeployKitError(
            f"{error.filename} cannot be read: {error.strerror}",
            f"The container runs as user {os.getuid()}: let this user read the file.",
        ) from None


def temporary_folder(
    environ: Mapping[str, str],
    folders: Sequence[str] = ("/tmp", "/var/tmp", "/usr/tmp", "/dev/shm"),
) -> str:
    """Return TMPDIR for a container whose file system is read-only, or "" if none is needed."""
    named = environ.get("TMPDIR", "")
    usable = [one for one in (named, *folders) if one and os.access(one, os.W_OK | os.X_OK)]
    return usable[0] if usable and usable[0] == folders[-1] != named else ""


def find_program(container: Container, argv: Sequence[str], environ: Mapping[str, str]) -> Program:
    """Return the program for the arguments of the container.

    They are the name of a process and more arguments for it, or a Django command, also after
    ``manage``.
    """
    processes = {process.name: process for process in container.manifest.processes}
    words = list(argv)
    if words[:1] == ["--process"]:
        del words[0]
        if not words or words[0] not in processes:
            raise _unknown(words[0] if words else "", processes)
    if not words:
        raise _unknown("", processes)
    if words[0] in processes:
        process = processes[words[0]]
        return _process(container, process, words[1:], {**environ, _PROCESS: process.name})
    if words[0] == "manage":
        del words[0]
    python = str(container.root / "bin" / "python")
    manage = str(container.root / "app" / "manage.py")
    return Program(python, [python, manage, *words], dict(environ))


def _process(
    container: Container, process: Process, arguments: Sequence[str], environ: Mapping[str, str]
) -> Program:
    simple = split_simple(process.command, environ)
    if simple is None:
        if not os.path.exists(container.shell):
            raise DeployKitError(
                f"the process {process.name} needs a shell, and this image has none: "
                f"{process.command}",
                "Write a simple command in the Procfile, or use a base image with a shell.",
            )
        text = shell_command(process.command)
        return Program(container.shell, ["sh", "-c", text, process.name, *arguments], dict(environ))
    environ = {**environ, **simple.variables}
    words = [*simple.words, *arguments]
    found = shutil.which(words[0], path=environ["PATH"])
    if found is None:
        raise DeployKitError(
            f"the process {process.name} runs {words[0]}, which this image does not have",
            "Lock the distribution that has it, or use a base image with it.",
        )
    if is_relocatable(Path(found)):
        python = os.path.join(os.path.dirname(found), "python")
        return Program(python, [python, found, *words[1:]], environ)
    return Program(found, words, environ)


def _unknown(name: str, processes: Mapping[str, Process]) -> DeployKitError:
    what = f"there is no process {name}" if name else "what to run is missing"
    known = ", ".join(processes) or "none"
    return DeployKitError(what, f"Processes: {known}. Django commands: manage check", WRONG_USE)


def probe(environ: Mapping[str, str], path: str, first: Optional[Path] = None) -> int:
    """Check the health of this container's web process; return 0 if it is healthy, else 1.

    With a path, it must answer a request for it, else only accept a connection. Another process
    than ``web`` counts as healthy.
    """
    from .base.probe import ask, response_problem

    if _name_of(first or Path("/proc/1/environ")) not in ("", "web"):
        return 0
    address = f"127.0.0.1:{environ['PORT']}"
    if path:
        problem = response_problem(ask(address, path, "localhost"), path, "localhost")
    else:
        problem = _connection_problem(address)
    print(printable(problem or "healthy"))
    return 1 if problem else 0


def _connection_problem(address: str) -> str:
    import socket

    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 10.0).close()
    except (OSError, ValueError) as error:
        return f"{address} does not accept connections: {error}"
    return ""


def _name_of(path: Path) -> str:
    """Return the process of the Procfile in the environment of a process, or ""."""
    try:
        rows = read_bytes(path).split(b"\0")
    except OSError:
        return ""
    start = f"{_PROCESS}=".encode()
    return next((os.fsdecode(row[len(start) :]) for row in rows if row.startswith(start)), "")
