"""Which interpreters a bundle can have, and which of their files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.relocatable import Interpreter, find_interpreter
from django_deploykit.errors import BundleError, DeployKitError, Problems
from django_deploykit.runtime.base.machine import here_platform
from tests.unit.bundle import test_shared_libraries

# Another machine than this one, because these programs do not run.
MACHINES = {"linux-x86_64": 62, "linux-aarch64": 183}
HERE = here_platform()
PLATFORM = next(name for name in MACHINES if name != HERE)
LIB = "lib/python3.12"


def elf(
    names: list[str], *, search: str = "", machine: int = MACHINES[PLATFORM], more: bytes = b""
) -> bytes:
    return test_shared_libraries.elf(names, search=search, machine=machine, more=more)


PROGRAM = elf(
    ["libpython3.12.so.1.0", "libc.so.6"], search="$ORIGIN/../lib", more=b"\0GLIBC_2.17\0"
)
FILES = {
    "bin/python3.12": PROGRAM,
    "bin/python3.12-config": b"#!/bin/sh\n",
    "bin/pip": b"#!/bin/sh\n",
    "include/python3.12/patchlevel.h": b'#define PY_VERSION      "3.12.7"\n',
    "lib/libpython3.12.so.1.0": elf(
        ["libz.so.1", "libm.so.6"], search="$ORIGIN", more=b"\0GLIBC_2.28\0\0GLIBC_PRIVATE\0"
    ),
    "lib/libz.so.1": elf(["libc.so.6"]),
    "lib/libtcl8.6.so": elf(["libX11.so.6"]),
    "lib/libpython3.12.a": b"!<arch>\n",
    f"{LIB}/os.py": b"",
    f"{LIB}/encodings/__init__.py": b"",
    f"{LIB}/lib-dynload/zlib.cpython-312.so": elf(["libz.so.1"], search="$ORIGIN/../.."),
    f"{LIB}/lib-dynload/_tkinter.cpython-312.so": elf(["libtcl8.6.so"]),
    f"{LIB}/lib-dynload/_testcapi.cpython-312.so": elf([]),
    f"{LIB}/__pycache__/os.cpython-312.pyc": b"",
    f"{LIB}/config-3.12-x86_64/libpython3.12.a": b"!<arch>\n",
    f"{LIB}/ensurepip/__init__.py": b"",
    f"{LIB}/idlelib/__init__.py": b"",
    f"{LIB}/site-packages/pip/__init__.py": b"",
    f"{LIB}/sqlite3/test/__init__.py": b"",
    f"{LIB}/test/__init__.py": b"",
    f"{LIB}/tkinter/__init__.py": b"",
    f"{LIB}/turtle.py": b"",
}
KEPT = {
    "bin/python3.12",
    "lib/libpython3.12.so.1.0",
    "lib/libz.so.1",
    f"{LIB}/os.py",
    f"{LIB}/encodings/__init__.py",
    f"{LIB}/lib-dynload/zlib.cpython-312.so",
}


def write(folder: Path, more: dict[str, bytes] | None = None) -> Path:
    for name, data in {**FILES, **(more or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)
    return folder


def find(folder: Path, python: str = "", platform: str = PLATFORM) -> Interpreter:
    return find_interpreter(str(folder), folder, python, platform)


def refused(folder: Path, python: str = "", platform: str = PLATFORM) -> str:
    with pytest.raises(DeployKitError) as caught:
        find(folder, python, platform)
    return str(caught.value)


def test_has_what_servers_need(tmp_path: Path) -> None:
    found = find(write(tmp_path))
    assert {name for name, _ in found.files} == KEPT
    assert (found.python, found.full, found.platform) == ("3.12", "3.12.7", PLATFORM)
    assert found.glibc == "2.28"


def test_a_folder_is_relative_to_the_project(tmp_path: Path) -> None:
    write(tmp_path / "python")
    found = find_interpreter("python", tmp_path, "3.12", PLATFORM)
    assert found.program == tmp_path / "python/bin/python3.12"


def test_python3_chooses_among_several(tmp_path: Path) -> None:
    write(tmp_path, {"bin/python3.11": PROGRAM})
    assert "is not the folder of a Python" in refused(tmp_path)
    (tmp_path / "bin/python3").symlink_to("python3.12")
    assert find(tmp_path).python == "3.12"


def test_a_library_behind_a_link_has_the_name_that_is_looked_for(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "lib/libz.so.1").rename(folder / "lib/libz.so.1.3")
    (folder / "lib/libz.so.1").symlink_to("libz.so.1.3")
    assert {name for name, _ in find(folder).files} == KEPT


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            {"bin/python3.12": elf(["libc.so.6"], search="/opt/python/lib")},
            "it is not relocatable: bin/python3.12 looks for libraries in /opt/python/lib",
        ),
        (
            {"bin/python3.12": elf(["libc.so.6"], search="$ORIGIN/../../lib")},
            "it is not relocatable",
        ),
        (
            {"bin/python3.12": elf(["libpython3.12.so.1.0"])},
            "bin/python3.12 does not look for libpython3.12.so.1.0 in its folder lib",
        ),
        (
            {"bin/python3.12": elf(["libpython3.12d.so.1.0"], search="$ORIGIN/../lib")},
            "bin/python3.12 needs libpython3.12d.so.1.0, which is not in its folder lib",
        ),
        (
            {f"{LIB}/lib-dynload/_ssl.cpython-312.so": elf(["libssl.so.3"])},
            "_ssl.cpython-312.so needs libssl.so.3, which is not in its folder lib",
        ),
        (
            {"bin/python3.12": elf(["libc.musl-x86_64.so.1"])},
            "needs libc.musl-x86_64.so.1",
        ),
    ],
)
def test_refuses_what_hosts_could_not_run(
    tmp_path: Path, more: dict[str, bytes], problem: str
) -> None:
    assert problem in refused(write(tmp_path, more))


def test_names_all_problems_in_one_error(tmp_path: Path) -> None:
    more = {
        f"{LIB}/lib-dynload/_{name}.so": elf([f"lib{name}.so.1"], search="/opt/lib")
        for name in "abcdefghij"
    }
    with pytest.raises(Problems) as caught:
        find(write(tmp_path, more))
    text = str(caught.value)
    assert "needs liba.so.1" in text
    assert "and 3 more" in text
    assert "uv python install 3.12" in text


def test_refuses_links_out_of_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "python")
    (tmp_path / "secret").write_text("secret")
    (folder / LIB / "secret.py").symlink_to(tmp_path / "secret")
    assert f"{LIB}/secret.py is a link to {tmp_path / 'secret'}" in refused(folder)


def test_refuses_another_machine_version_or_format(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert f"for {PLATFORM}, and the bundle is for {HERE}" in refused(folder, platform=HERE)
    assert "is Python 3.12, and the bundle is for Python 3.11" in refused(folder, "3.11")
    (folder / "bin/python3.12").write_bytes(elf([], machine=8))
    assert "is for another machine" in refused(folder)
    (folder / "bin/python3.12").write_bytes(b"#!/bin/sh\n")
    assert "is not a program for Linux" in refused(folder)


def test_refuses_an_old_python(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "bin/python3.12").rename(folder / "bin/python3.8")
    assert "is Python 3.8, which is too old" in refused(folder)


def test_refuses_a_folder_without_python(tmp_path: Path) -> None:
    assert "it has no bin/python3.X" in refused(tmp_path / "nothing")
    assert "interpreter in [bundle] of deploykit.ini" in refused(tmp_path)


def test_needs_the_full_version(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "include/python3.12/patchlevel.h").unlink()
    assert "the full version of the interpreter" in refused(folder)


@pytest.mark.skipif(HERE not in MACHINES, reason="not a machine of interpreters in bundles")
def test_refuses_what_does_not_run_here(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for name, _ in find(folder).files:
        if not name.endswith(".py"):
            (folder / name).write_bytes(elf([], machine=MACHINES[HERE]))
    assert "does not run on this machine: exit code" in refused(folder, platform=HERE)


def test_a_version_is_one_of_uvs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)  # not uv's, though its version fits
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(BundleError, match=rf"uv has no Python {re.escape(version)} of its own"):
        find_interpreter(version, tmp_path, "", HERE)
