"""A release on disk: an ordinary virtualenv whose files are hard links into the store."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Callable, Collection, Dict, Iterable, List, Mapping, Optional, Sequence

from ..base.errors import DeployKitError
from ..base.files import open_file, read_regular, validate_folder, write_and_replace
from ..base.hints import install_command, status_command
from ..bundle.manifest import (
    INTERPRETER,
    LONGEST,
    FileEntry,
    Layer,
    Manifest,
    ManifestError,
    Process,
)
from ..servers import server_in, server_options
from . import layers
from .interpreter import bytecode_of, program_of
from .shell import shell_command

# The file cannot be linked here, not this often, or not across file systems. It is copied instead.
_NO_LINK = (errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.ENOTSUP)
# The heading of the section whose options become environment variables, for grep.
_SECTION = r"'\[[[:space:]]*environment[[:space:]]*\]'"
# The first lines of a relocatable script: a shell starts the Python next to it.
_SEEKING = (
    b"#!/bin/sh\n"
    b"""'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"\n"""
)
_ACTIVATE = """\
# Source this file: . bin/activate
deactivate () {{
    PATH="$_DEPLOYKIT_PATH"; export PATH
    unset VIRTUAL_ENV _DEPLOYKIT_PATH
    unset -f deactivate
}}
_DEPLOYKIT_PATH="$PATH"
VIRTUAL_ENV={root}
PATH="$VIRTUAL_ENV/bin:$PATH"
export VIRTUAL_ENV PATH
"""


def validate_python(manifest: Manifest) -> None:
    """Raise :class:`DeployKitError` if a bundle has no Python, and this machine none for it."""
    if manifest.interpreter is None:
        require_python(manifest.python)


def require_python(version: str) -> str:
    """Return the path of a Python ``version`` ("3.11") on this machine, outside of virtualenvs.

    Raises :class:`DeployKitError` if there is none.
    """
    found = find_python(version)
    if found:
        return found
    here = "%d.%d" % sys.version_info[:2]
    raise DeployKitError(
        f"the bundle needs Python {version}; this machine has {here} and no python{version}",
        f"Install Python {version} here, or build the bundle with --python {here}.",
    )


def find_python(version: str) -> str:
    """Return the path of a working Python ``version`` on this machine, or an empty string."""
    if version == "%d.%d" % sys.version_info[:2]:
        return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    found = shutil.which(f"python{version}")
    if not found:
        return ""
    import subprocess  # slow to load, and rarely needed

    # It may be a pyenv shim for a version that is not active.
    done = subprocess.run(
        [found, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True
    )
    return os.path.realpath(done.stdout.strip()) if done.returncode == 0 else ""


def stage(
    manifest: Manifest,
    store: Path,
    target: Path,
    env: Mapping[str, str],
    *,
    lasting: bool = False,
    place: Optional[Callable[[Path], None]] = None,
    finish: Callable[[Path], None] = lambda _: None,
) -> None:
    """Build the release ``target`` from layers in the store; it appears complete, by a rename.

    An existing release is left as it is. ``env`` is added to the environment of every command of
    the release. ``lasting`` first writes everything to the disk, to survive a power failure.
    ``place`` puts the layers' files into a folder instead of :func:`link_layer`. ``finish`` gets
    the folder before the release appears, and may raise an error.
    """
    if target.exists():
        return
    validate_python(manifest)
    target.parent.mkdir(parents=True, exist_ok=True)
    validate_folder(target.parent, target.parent.parent)
    folder = layers.make_private_folder(target.parent, ".staging-")
    try:
        if place is None:
            link_layers(manifest.layers, store, folder)
        else:
            place(folder)
        _write_environment(folder, target, manifest)
        _write_commands(folder, target, manifest, env, manifest.project)
        _write(folder / "manifest.json", manifest.dumps())
        layers.set_folder_modes(folder)
        finish(folder)
        if lasting:
            sync_file_system(folder)
        os.rename(folder, target)
    except FileExistsError:
        pass  # another process staged the same release
    except OSError:
        if not target.exists():
            raise
    finally:
        layers.remove_tree(folder)


def sync_file_system(folder: Path) -> None:
    """Write all changes to the file system that contains a folder to its disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        import ctypes  # slow to load

        ctypes.CDLL(None).syncfs(handle)
    except (ImportError, OSError, AttributeError):
        os.sync()
    finally:
        os.close(handle)


def link_layers(chosen: Iterable[Layer], store: Path, folder: Path) -> None:
    """Hard-link the files of layers in the store below ``folder``."""
    for layer in chosen:
        tree = store / layer.sha256
        link_layer(tree, layers.load_entries(store, layer.sha256), folder)
        if layer.kind == INTERPRETER:
            _link_bytecode(tree, folder)


def link_layer(tree: Path, entries: Sequence[FileEntry], folder: Path) -> None:
    """Hard-link a layer's files below ``folder``; copy files that cannot be linked."""
    source, target = str(tree), str(folder)
    os.makedirs(target, exist_ok=True)
    folders = layers.Folders(target)
    for entry in entries:
        try:
            folders.make(entry.path.rpartition("/")[0])
            link_file(f"{source}/{entry.path}", f"{target}/{entry.path}")
        except FileExistsError:
            raise DeployKitError(f"two layers contain {entry.path}") from None


def _link_bytecode(tree: Path, folder: Path) -> None:
    """Hard-link what an interpreter compiled when it was stored."""
    folders = layers.Folders(str(folder))
    for path in bytecode_of(tree):
        folders.make(path.rpartition("/")[0])
        link_file(f"{tree}/{path}", f"{folder}/{path}")


def link_file(source: str, target: str) -> None:
    """Hard-link one file; copy it if it cannot be linked."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, target, follow_symlinks=False)


def _write_environment(folder: Path, target: Path, manifest: Manifest) -> None:
    if manifest.interpreter is None:
        python = link = require_python(manifest.python)
    else:
        link = f"../{program_of(manifest)}"
        python = str(target / program_of(manifest))
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    os.symlink(link, binaries / "python")
    for alias in ("python3", f"python{manifest.python}"):
        os.symlink("python", binaries / alias)
    if not (folder / "lib64").exists():
        os.symlink("lib", folder / "lib64")
    (folder / "lib" / f"python{manifest.python}" / "site-packages").mkdir(
        parents=True, exist_ok=True
    )
    text = f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\nversion = {manifest.python}\n"
    _write(folder / "pyvenv.cfg", text)
    _write(binaries / "activate", _ACTIVATE.format(root=shlex.quote(str(target))))


def _write_commands(
    folder: Path, target: Path, manifest: Manifest, env: Mapping[str, str], name: str
) -> None:
    command = environment_lines(target, manifest, env)
    manage = shlex.quote(str(target / "app" / "manage.py"))
    python = shlex.quote(str(target / "bin" / "python"))
    run = shlex.quote(str(target / "bin" / "deploykit-run"))
    lines = [f'if [ "${{1:-}}" = --process ]; then shift; exec /bin/sh {run} "$@"; fi']
    _executable(folder / "bin" / name, [*command, *lines, f'exec {python} {manage} "$@"'])
    _executable(
        folder / "bin" / "deploykit-run",
        [*command, *process_lines(target, manifest, _scripts(folder))],
    )


def environment_lines(target: Path, manifest: Manifest, env: Mapping[str, str]) -> List[str]:
    """Return the shell lines that set a release's environment.

    Variables that are already set are kept, except PATH and VIRTUAL_ENV. The variables in
    ``[environment]`` of the site's INI files come first. Python only starts if ``grep`` finds that
    section, because starting it takes longer.
    """
    own: Dict[str, str] = {**manifest.django_variables, **env}
    lines = [
        f': "${{{key}:={_in_braces(value)}}}"; export {key}'
        for key, value in sorted(own.items())
        if value
    ]
    root = shlex.quote(str(target))
    python = shlex.quote(str(target / "bin" / "python"))
    return [
        f'if [ -n "${{CREDENTIALS_DIRECTORY:-}}" ] && grep -qs {_SECTION} "$CREDENTIALS_DIRECTORY"/*.ini; then',
        f"variables=$({python} -I -B -m django_deploykit.runtime.base.variables) || exit 1",
        'eval "$variables"; unset variables; fi',
        *lines,
        f"VIRTUAL_ENV={root}; export VIRTUAL_ENV",
        'PATH="$VIRTUAL_ENV/bin:$PATH"; export PATH',
        "PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE",
        f"DEPLOYKIT_RELEASE={manifest.release_id}; export DEPLOYKIT_RELEASE",
    ]


def _in_braces(value: str) -> str:
    for char in '\\"`$}':
        value = value.replace(char, "\\" + char)
    return value


def process_lines(target: Path, manifest: Manifest, scripts: Collection[str] = ()) -> List[str]:
    """Return the shell lines of ``deploykit-run``, which runs a process by its name.

    A simple command replaces the shell, so that it gets the signals and the sockets (LISTEN_PID).
    ``scripts`` are programs in ``bin`` that the release's Python can run directly.
    """
    lines = [
        f"cd {shlex.quote(str(target / 'app'))} || exit 1",
        ': "${PORT:=8000}"; export PORT',
        'if [ -n "${LISTEN_FDS:-}" ]; then LISTEN_PID=$$; export LISTEN_PID; fi',
        *_server_lines(manifest),
        'name="${1:-}"; [ $# -gt 0 ] && shift',
        'case "$name" in',
    ]
    locked = {layer.name for layer in manifest.layers}
    for process in manifest.processes:
        lines.append(f"{shlex.quote(process.name)}) {_process_line(process, locked, scripts)} ;;")
    names = " ".join(process.name for process in manifest.processes)
    lines += [f'*) echo "unknown process $name; the Procfile has: {names}" >&2; exit 2 ;;', "esac"]
    return lines


def _process_line(process: Process, locked: Collection[str], scripts: Collection[str]) -> str:
    """Return the shell line of a process. A web server gets the sockets if there are any."""
    line = shell_command(process.command, scripts)
    server = server_in(process.command) if process.name == "web" else None
    listening = server.on_sockets(process.command, locked) if server else process.command
    if listening == process.command:
        return line
    inherited = shell_command(listening, scripts)
    return f'if [ -n "${{LISTEN_FDS:-}}" ]; then {inherited}; else {line}; fi'


def _server_lines(manifest: Manifest) -> List[str]:
    """Return the shell lines that the application servers in the bundle need."""
    return [
        f'{name}="{text} ${{{name}:-}}"; export {name}'
        for name, text in server_options(manifest.versions).items()
    ]


def _scripts(folder: Path) -> List[str]:
    """Return the release's programs that start in a shell, which starts the Python next to them.

    Running them directly with the release's Python saves three processes at each start.
    """
    found = []
    for path in (folder / "bin").iterdir():
        if is_relocatable(path):
            found.append(path.name)
    return found


def is_relocatable(path: Path) -> bool:
    """Whether a file is a program that starts in a shell, which starts the Python next to it."""
    if path.is_symlink() or not path.is_file():
        return False
    with os.fdopen(open_file(path), "rb") as file:
        return file.read(len(_SEEKING)) == _SEEKING


def _executable(path: Path, lines: Sequence[str]) -> None:
    _write(path, "\n".join(["#!/bin/sh", "# Written by django-deploykit.", *lines, ""]), 0o755)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file that everybody can read and only this user can write, whatever the umask."""
    write_and_replace(path, text, mode)


def load_release(root: Path) -> Manifest:
    """Return the manifest of a staged release."""
    try:
        text = read_regular(root / "manifest.json", LONGEST, top=root.parent.parent)
        return Manifest.loads(text)
    except FileNotFoundError:
        if root.is_dir():
            raise ManifestError(
                f"{root / 'manifest.json'} is missing, which describes this release", _again()
            ) from None
        raise DeployKitError(
            f"there is no release at {root}", f"`{status_command()}` lists the staged releases."
        ) from None
    except ManifestError as error:
        hint = error.hint or _again()
        raise ManifestError(f"{root / 'manifest.json'}: {error.message}", hint) from None


def _again() -> str:
    return f"Put this release, or another one, live again: `{install_command()}`."
