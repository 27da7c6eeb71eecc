"""Relocatable interpreters: which files of one a bundle needs, and whether hosts can run it.

Hosts have glibc and nothing else. So an interpreter's programs and libraries must find each other
wherever its folder is, and must need no other library of the system.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.bundle.debian_libraries import debian_package
from django_deploykit.bundle.run_uv import find_uv
from django_deploykit.bundle.shared_libraries import Elf, read_elf
from django_deploykit.errors import BundleError, Problems
from django_deploykit.runtime.base.machine import here_platform

OLDEST = (3, 10)
_HINT = (
    "Use one that is relocatable, such as uv's own: uv python install {0}, and interpreter = {0}."
)
_VERSION = re.compile(r"3\.\d{1,2}(?:\.\d{1,3})?")
_PROGRAM = re.compile(r"python(3\.\d{1,2})")
_MACHINES = {62: "linux-x86_64", 183: "linux-aarch64"}
_GLIBC = re.compile(rb"\0GLIBC_(\d{1,2})\.(\d{1,3})(?=[.\0])")
# What servers do not need. Bytecode is compiled where the interpreter is unpacked.
_FOLDERS = frozenset(
    (
        "__pycache__",
        "__phello__",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
    )
)
_FILES = re.compile(
    r"(?:.*\.(?:a|exe|pyc)|turtle\.py|(?:_tkinter|_test|_ctypes_test|_xxtestfuzz|xxlimited|xxsubtype).*\.so)"
)
_MOST_SHOWN = 8


@dataclass(frozen=True)
class Interpreter:
    """A relocatable interpreter: ``program`` is its Python, ``python`` "3.12", ``full`` "3.12.1".

    ``files`` are the paths of the files to bundle, relative to ``folder``, with the path to read.
    """

    folder: Path
    program: Path
    python: str
    full: str
    platform: str
    glibc: str
    files: tuple[tuple[str, Path], ...]


def find_interpreter(text: str, root: Path, python: str, platform: str) -> Interpreter:
    """Return the interpreter that ``text`` names: a folder, relative to ``root``, or a version.

    Raise :class:`BundleError` unless it is a Python ``python`` (any, if that is empty) for
    ``platform`` that runs wherever its folder is.
    """
    folder = _uv_folder(text) if _VERSION.fullmatch(text) else root / Path(text).expanduser()
    program = _program(folder)
    version = program.name.removeprefix("python")
    if tuple(map(int, version.split("."))) < OLDEST:
        oldest = "{}.{}".format(*OLDEST)
        raise BundleError(
            f"the interpreter {folder} is Python {version}, which is too old",
            f"Bundles need Python {oldest} or newer.",
        )
    if python and python != version:
        raise BundleError(
            f"the interpreter {folder} is Python {version}, and the bundle is for Python {python}",
            "Let `python` and `interpreter` in [bundle] of deploykit.ini name the same version.",
        )
    files = dict(_iter_files(folder, program))
    programs = _programs(files)
    machine = _MACHINES.get(programs[f"bin/{program.name}"].machine, "another machine")
    if machine != platform:
        raise BundleError(
            f"the interpreter {folder} is for {machine}, and the bundle is for {platform}",
            "Use the interpreter for that platform, or another `platform` in [bundle] of deploykit.ini.",
        )
    problems = [*_iter_problems(folder, files, programs)]
    if problems:
        more = [f"and {len(problems) - _MOST_SHOWN} more"] if len(problems) > _MOST_SHOWN else []
        raise Problems(
            f"hosts could not run the interpreter {folder}:",
            [*problems[:_MOST_SHOWN], *more],
            _HINT.format(version),
        )
    full, glibc = _full(folder, program, platform), _glibc(files, programs)
    rows = tuple(sorted(files.items()))
    return Interpreter(folder, program, version, full, platform, glibc, rows)


def _uv_folder(version: str) -> Path:
    """Return the folder of one of uv's own Pythons."""
    # Without --system, the virtualenv that runs this counts as one.
    words = ["python", "find", "--no-project", "--offline", "--no-python-downloads", "--system"]
    done = subprocess.run(
        [find_uv(), *words, "--managed-python", version], capture_output=True, text=True
    )
    if done.returncode:
        raise BundleError(
            f"uv has no Python {version} of its own on this machine",
            f"Run: uv python install {version}. Or let interpreter in [bundle] name a folder.",
        )
    return Path(os.path.realpath(done.stdout.strip())).parent.parent


def _program(folder: Path) -> Path:
    """Return ``bin/python3.X`` of a folder."""
    try:
        names = [path for path in (folder / "bin").iterdir() if _PROGRAM.fullmatch(path.name)]
    except OSError:
        names = []
    usual = Path(os.path.realpath(folder / "bin" / "python3")).name
    found = [path for path in names if len(names) == 1 or path.name == usual]
    if not found:
        raise BundleError(
            f"interpreter in [bundle] of deploykit.ini: {folder} is not the folder of a Python: it "
            "has no bin/python3.X",
            _HINT.format("3.12"),
        )
    return found[0]


def _iter_files(folder: Path, program: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that servers need, and all libraries next to them."""
    yield f"bin/{program.name}", program
    library = folder / "lib" / program.name
    for path in sorted((folder / "lib").glob("*.so*")):
        yield f"lib/{path.name}", path
    for place, names, files in os.walk(library):
        names[:] = [one for one in names if one not in _FOLDERS and not one.startswith("config-")]
        for name in files:
            if not _FILES.fullmatch(name):
                path = Path(place, name)
                yield path.relative_to(folder).as_posix(), path


def _programs(files: dict[str, Path]) -> dict[str, Elf]:
    """Return what each program and library says, and leave out libraries that none of them needs."""
    found: dict[str, Elf] = {}
    for name, path in files.items():
        if name.startswith("bin/") or ".so" in path.name:
            with path.open("rb") as file:
                elf = read_elf(file)
            if elf is not None:
                found[name] = elf
            elif name.startswith("bin/"):
                raise BundleError(f"{path} is not a program for Linux", _HINT.format("3.12"))
    needed = {name for name in found if not _is_beside(name)}
    while (
        more := {
            f"lib/{library}" for name in needed if name in found for library in found[name].needed
        }
        - needed
    ):
        needed |= more
    for name in [name for name in files if _is_beside(name) and name not in needed]:
        files.pop(name)
        found.pop(name, None)
    return found


def _is_beside(name: str) -> bool:
    return os.path.dirname(name) == "lib"


def _iter_problems(
    folder: Path, files: Mapping[str, Path], programs: Mapping[str, Elf]
) -> Iterator[str]:
    """Yield why hosts could not run an interpreter."""
    top = os.path.realpath(folder)
    for name, path in sorted(files.items()):
        if not f"{os.path.realpath(path)}/".startswith(f"{top}/"):
            yield f"{name} is a link to {os.path.realpath(path)}, outside of the folder"
    fixed: dict[str, list[str]] = {}
    for name, elf in sorted(programs.items()):
        for place in elf.search:
            if _inside(name, place) is None:
                fixed.setdefault(place, []).append(name)
        for library in elf.needed:
            there = f"lib/{library}" in files
            if not there and debian_package(library) != "":
                yield f"{name} needs {library}, which is not in its folder lib"
            elif there and not any(
                _inside(one, place) == "lib" for one, place in _searched(name, elf, programs)
            ):
                yield f"{name} does not look for {library} in its folder lib"
    for place, names in fixed.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        look = "look" if more else "looks"
        yield f"it is not relocatable: {names[0]}{more} {look} for libraries in {place}"


def _searched(name: str, elf: Elf, programs: Mapping[str, Elf]) -> Iterator[tuple[str, str]]:
    """Yield the folders in which a file's libraries are found: its own, or those of the program.

    A library that the program itself has loaded is not looked for again.
    """
    yield from ((name, place) for place in elf.search)
    for other, one in programs.items():
        if other.startswith("bin/"):
            yield from ((other, place) for place in one.search)


def _inside(name: str, place: str) -> str | None:
    """Return a folder for libraries relative to the interpreter's, or None if it is elsewhere.

    >>> _inside("bin/python3.12", "$ORIGIN/../lib"), _inside("bin/python3.12", "/usr/lib")
    ('lib', None)
    """
    start, _, rest = place.partition("/")
    if start not in ("$ORIGIN", "${ORIGIN}"):
        return None
    found = os.path.normpath(os.path.join(os.path.dirname(name), rest))
    return None if found.startswith("..") else found


def _glibc(files: Mapping[str, Path], programs: Mapping[str, Elf]) -> str:
    """Return the oldest glibc that has everything the programs and libraries need."""
    versions = [(2, 17)]
    for name in programs:
        data = files[name].read_bytes()
        versions += [(int(major), int(minor)) for major, minor in _GLIBC.findall(data)]
    return "{}.{}".format(*max(versions))


def _full(folder: Path, program: Path, platform: str) -> str:
    """Return the full version of an interpreter. One for another machine only has it in a header."""
    if platform != here_platform():
        return _full_in_header(folder, program)
    code = "import platform; print(platform.python_version())"
    words = [str(program), "-I", "-S", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace")
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BundleError(
            f"the interpreter {folder} does not run on this machine: {why}",
            _HINT.format(program.name.removeprefix("python")),
        )
    return done.stdout.strip()


def _full_in_header(folder: Path, program: Path) -> str:
    path = folder / "include" / program.name / "patchlevel.h"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r'#define PY_VERSION\s+"([0-9a-z.]+)"', text)
    if found is None:
        raise BundleError(
            f"the full version of the interpreter {folder} is not known: it has no {path}",
            "Use the whole folder of the interpreter.",
        )
    return found[1]
