"""Installs a wheelhouse: makes a virtualenv from the wheels in the archive, without a network.

pip installs into a virtualenv in a hidden folder next to the requested one. It gets its name only
when everything is complete, so an interruption or a full disk leaves nothing.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import platform
import re
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from .base.errors import INTERRUPTED, WRONG_USE, DeployKitError
from .base.files import open_file
from .base.machine import validate_target
from .base.printable import printable
from .bundle.manifest import Manifest
from .bundle.seal import DamagedError, validate_seal
from .relocate import relocate
from .storage.layers import make_private_folder, remove_tree, validate_space

_WHEEL = re.compile(r"wheels/[A-Za-z0-9_][^/\\\x00-\x1f\x7f]*\.whl\Z")
_CHUNK = 1 << 20
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PIP = 20 << 20  # bytes of a virtualenv that only has pip
_USAGE = """\
{name}: {project} {release}, {wheels} wheels for Python {python}

  {python_name} {name} FOLDER    make a virtualenv in FOLDER, without a network

Nothing is changed if this machine does not fit, or FOLDER exists.
"""
_MISSING = "This Python cannot make virtualenvs with pip. On Debian: apt install python3-venv"


def main(argv: Sequence[str]) -> int:
    """Install the archive ``argv[0]`` into the folder ``argv[1]``; return the exit code."""
    path, arguments = Path(os.path.abspath(argv[0])), list(argv[1:])
    before = [(number, signal.signal(number, interrupt)) for number in _ENDING[1:]]
    try:
        manifest, wheels = read(path)
        if len(arguments) != 1 or arguments[0].startswith("-"):
            print(printable(_usage(path, manifest, len(wheels))))
            return 0 if arguments in ([], ["-h"], ["--help"]) else WRONG_USE
        install(path, manifest, wheels, Path(os.path.abspath(arguments[0])))
    except KeyboardInterrupt:
        print("interrupted; nothing was changed", file=sys.stderr)
        return INTERRUPTED
    except DeployKitError as error:
        for text in filter(None, (f"error: {error.message}", error.hint)):
            print(printable(text), file=sys.stderr)
        return error.exit_code
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    return 0


def interrupt(number: int, frame: object) -> None:
    """End what is going on, as Ctrl-C does."""
    raise KeyboardInterrupt


def _usage(path: Path, manifest: Manifest, wheels: int) -> str:
    return _USAGE.format(
        name=path.name,
        project=manifest.project,
        release=manifest.release_id,
        wheels=wheels,
        python=manifest.python,
        python_name=f"python{manifest.python}",
    )


def read(path: Path) -> Tuple[Manifest, List[str]]:
    """Return the manifest and the names of the wheels of an archive.

    Raises :class:`DamagedError` if it is damaged or contains names that do not belong there.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = Manifest.loads(archive.read("manifest.json").decode("utf-8"))
            names = [name for name in archive.namelist() if name.startswith("wheels/")]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DamagedError(f"{path} is not a wheelhouse, or it is damaged: {error}") from None
    odd = [name for name in names if not _WHEEL.match(name)]
    if odd or len({name.lower() for name in names}) != len(names):
        raise DamagedError(f"{path} has a member that does not belong there: {(odd or names)[0]!r}")
    return manifest, names


def install(path: Path, manifest: Manifest, wheels: Sequence[str], target: Path) -> None:
    """Make the virtualenv ``target``; raises :class:`DeployKitError` and leaves nothing if it fails."""
    validate_python(manifest)
    validate_target(manifest.platform, manifest.glibc)
    validate_folder_is_new(target)
    validate_seal(path)
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = sum(archive.getinfo(name).file_size for name in wheels)
        files = sum(one.files for one in manifest.layers)
        validate_space(target.parent, sizes + manifest.size + _PIP, files, "Free some space.")
        with work_folder(target) as place:
            _install(path, wheels, place, target.name)
            relocate(place / "venv", target)
            os.rename(place / "venv", target)
    except OSError as error:
        raise DeployKitError(
            f"{target} cannot be made: {error.strerror or error}", "Nothing was changed."
        ) from None
    print(printable(f"{target} has {manifest.project} {manifest.release_id}."))
    print(printable(f"Its command: {target}/bin/{manifest.project} check --deploy"))


def validate_python(manifest: Manifest) -> None:
    """Raise :class:`DeployKitError` unless this Python is the wheels' and can make virtualenvs."""
    here = "%d.%d" % sys.version_info[:2]
    if here != manifest.python:
        raise DeployKitError(
            f"the wheelhouse needs Python {manifest.python}; this is {here}",
            f"Run it with python{manifest.python}.",
        )
    if platform.python_implementation() != "CPython":
        raise DeployKitError(
            f"the wheelhouse needs CPython; this is {platform.python_implementation()}"
        )
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        raise DeployKitError("there is no venv module with pip", _MISSING)


def validate_folder_is_new(target: Path) -> None:
    """Raise :class:`DeployKitError` unless a folder can be made at ``target``."""
    if os.path.lexists(target):
        raise DeployKitError(
            f"{target} exists already",
            "Name a new folder, for example one with the release id, or remove it first.",
        )
    if not target.parent.is_dir():
        raise DeployKitError(f"there is no folder {target.parent}", f"mkdir -p {target.parent}")
    if re.search(r"[\x00-\x1f\x7f\"'\\$`#]", str(target)):
        raise DeployKitError("the path of a virtualenv cannot contain quotes or control characters")


@contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """Yield a folder next to the target, removed at the end; and those that were left behind."""
    prefix = f".{target.name}-installing-"
    for old in target.parent.glob(f"{prefix}*"):
        _remove_abandoned(old)
    folder = make_private_folder(target.parent, prefix)
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        with suppress(KeyboardInterrupt):
            remove_tree(folder)


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of an installer that was killed; one that is at work holds its lock."""
    with suppress(OSError):
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return  # another user's
        with os.fdopen(open_file(folder / "lock", os.O_RDWR, top=folder.parent), "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(folder)


def _install(path: Path, wheels: Sequence[str], place: Path, prompt: str) -> None:
    os.umask(0o022)
    (place / "wheels").mkdir()
    with zipfile.ZipFile(path) as archive:
        for name in (*wheels, "requirements.txt"):
            with archive.open(name) as source, (place / name).open("xb") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)
    venv = place / "venv"
    words = [sys.executable, "-I", "-m", "venv", "--prompt", prompt, str(venv)]
    run_command("making a virtualenv", words, place)
    pip = [str(venv / "bin" / "python"), "-I", "-m", "pip"]
    options = ["--no-index", "--no-deps", "--no-cache-dir", "--only-binary", ":all:"]
    options += ["--require-hashes", "--find-links", str(place / "wheels")]
    words = [*pip, "install", *options, "-r", str(place / "requirements.txt")]
    run_command(f"installing {len(wheels)} wheels", words, place)
    run_command("checking what is installed", [*pip, "check"], place)


@contextmanager
def postponed() -> Iterator[None]:
    """Let signals raise :class:`KeyboardInterrupt` only after this block."""
    arrived: List[int] = []
    before = [
        (one, signal.signal(one, lambda number, _: arrived.append(number))) for one in _ENDING
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if arrived:
        raise KeyboardInterrupt


def run_command(what: str, words: List[str], place: Path) -> None:
    """Run a command; raises :class:`DeployKitError` with the end of its output if it fails."""
    print(printable(f"{what} …"), flush=True)
    process = None
    try:
        with postponed():
            process = subprocess.Popen(
                words,
                cwd=place,
                env=environment(os.environ, place),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # so that its own processes can be ended
            )
        output = process.communicate()[0]
    except BaseException:
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        raise
    if process.returncode:
        rows = [line for line in output.splitlines() if line.strip()]
        text = "\n".join(rows[-5:]) or f"exit code {process.returncode}"
        raise DeployKitError(f"{what} failed; nothing was changed:\n{text}")


def environment(env: Mapping[str, str], place: Path) -> Dict[str, str]:
    """Return the environment of pip: no variable or file of this machine configures it."""
    kept = {name: env[name] for name in ("PATH", "LANG", "LC_ALL", "HOME") if name in env}
    own = {"TMPDIR": str(place), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1"}
    own.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore")
    return {**kept, **own}
