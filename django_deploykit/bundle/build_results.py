"""Running the build commands, and keeping what they wrote until one of their inputs changes.

If ``[bundle] inputs`` is set, the commands run in a folder that has only the inputs. So the result
depends on nothing else of the commit. ``docs/decisions/0062`` explains why.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_key, cached_file, keep_file, may_reuse
from django_deploykit.bundle.build_inputs import choose_inputs
from django_deploykit.bundle.commands import command_environment, run_build
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.files import Exported, all_files, choose_files
from django_deploykit.bundle.links import materialise_links
from django_deploykit.bundle.source import some
from django_deploykit.progress import Progress
from django_deploykit.project import Project
from django_deploykit.runtime.base.files import hash_file

_KIND = "builds"  # of cached files
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MORE_INPUTS = (
    "It ran with only the files that inputs in [bundle] of deploykit.ini names. "
    "Add what it reads there, and commit it."
)
_REMOVED = ".deploykit-removed.json"  # the member that lists the inputs that were removed

# What is at a path: the mode, and the SHA-256 of a file or the target of a link.
Tree = dict[str, tuple[int, str]]


def run_builds(
    project: Project,
    environment: InstalledEnvironment,
    target: TargetPython,
    exported: Exported,
    progress: Progress,
    *,
    fresh: bool = False,
) -> None:
    """Run the commands of ``[bundle] build`` in the export, or reuse what they wrote before."""
    if not project.inputs:
        _run(project, environment, exported.folder, progress)
        if project.build:
            materialise_links(exported.folder, exported.top)
        return
    prefix = os.path.relpath(exported.folder, exported.top)
    inputs = choose_inputs(project.inputs, project.build, prefix, all_files(exported.top))
    folders = _folders(exported.top)
    key = result_key(project, environment, target, exported.top, [*folders, *inputs])
    kept = cached_file(_KIND, key)
    if kept and not is_sound(kept):
        kept = None
    if kept and may_reuse(fresh=fresh):
        progress.note("the inputs of the build commands are unchanged; reusing their result")
        restore(kept, exported.top)
        return
    new = exported.place / "built.zip"
    top = exported.place / "build"
    _copy(exported.top, top, folders, inputs)
    before = read_tree(top)
    _run(project, environment, top / prefix, progress)
    materialise_links(top / prefix, top)
    pack_result(top, before, new)
    changed = differences(kept, new) if kept else []
    if changed:
        progress.note(f"the same inputs gave other files than before: {some(changed)}")
    restore(new, exported.top)
    keep_file(_KIND, key, new)


def _run(
    project: Project, environment: InstalledEnvironment, folder: Path, progress: Progress
) -> None:
    hint = _MORE_INPUTS if project.inputs else ""
    for command in project.build:
        with progress.step(f"build: {command}"):
            run_build(command, project, environment, folder, hint)


def result_key(
    project: Project,
    environment: InstalledEnvironment,
    target: TargetPython,
    top: Path,
    paths: Sequence[str],
) -> str:
    """Return the key of a result: everything that the commands can depend on.

    That is their text, the inputs and the folders, their environment, the programs that they name,
    and the target.
    """
    variables = command_environment(project, environment, build=True)
    words = (environment.python, target.executable, target.full, target.platform)
    machine = (os.uname().sysname, os.uname().machine)
    rows = [_row(top, path) for path in paths]
    programs = sorted(set(_programs(project.build, variables["PATH"])))
    texts = (json.dumps(project.build), json.dumps(sorted(variables.items())))
    return cache_key(*words, *machine, *texts, *programs, *rows)


def _row(top: Path, path: str) -> str:
    status = (top / path).stat()
    content = hash_file(top / path) if stat.S_ISREG(status.st_mode) else ""
    return f"{path}:{status.st_mode:o}:{content}"


def _programs(commands: Sequence[str], search: str) -> Iterator[str]:
    """Yield the programs that commands may run, and what interprets them, with size and age."""
    words = [word for command in commands for word in command.split()]
    seen: set[str] = set()
    while words:
        word = words.pop()
        found = shutil.which(word, path=search)
        if found is None or word in seen or not os.path.isabs(found):
            continue
        seen.add(word)
        status = os.stat(found)
        yield f"{os.path.realpath(found)}:{status.st_size}:{status.st_mtime_ns}"
        words += _interpreter(found)


def _interpreter(program: str) -> list[str]:
    """Return the words in the first line of a script: ``#!/usr/bin/env node`` gives both."""
    try:
        with open(program, "rb") as file:
            first = file.readline(200)
    except OSError:
        return []
    return os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []


def _folders(top: Path) -> list[str]:
    found = [os.path.relpath(path, top) for path, _, _ in os.walk(top)]
    return sorted(found)


def _copy(source: Path, target: Path, folders: Sequence[str], files: Sequence[str]) -> None:
    for path in folders:
        (target / path).mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy2(source / path, target / path)


def read_tree(top: Path) -> Tree:
    """Return the files, links and empty folders below a folder. Sockets and pipes are left out."""
    found: Tree = {}
    for folder, names, files in os.walk(top):
        base = os.path.relpath(folder, top)
        if not names and not files:
            found[f"{base}/"] = (stat.S_IFDIR | 0o755, "")
        for name in (*names, *files):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            key = os.path.normpath(os.path.join(base, name))
            if stat.S_ISLNK(mode):
                found[key] = (stat.S_IFLNK | 0o777, _link(path, os.path.realpath(top)))
            elif stat.S_ISREG(mode):
                plain = 0o755 if mode & 0o100 else 0o644
                found[key] = (stat.S_IFREG | plain, hash_file(Path(path)))
    return found


def _link(path: str, top: str) -> str:
    """Return a link's target, relative if it is below ``top``, which is a temporary folder."""
    text = os.readlink(path)
    if not os.path.isabs(text) or not f"{text}/".startswith(f"{top}/"):
        return text
    return os.path.relpath(text, os.path.realpath(os.path.dirname(path)))


def pack_result(top: Path, before: Tree, target: Path) -> None:
    """Write what is new or changed below ``top``, and the names of what is gone, to a zip file."""
    after = read_tree(top)
    gone = sorted(path for path in before if path not in after and not path.endswith("/"))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_REMOVED, _EPOCH), json.dumps(gone))
        for path, (mode, content) in sorted(after.items()):
            if before.get(path) == (mode, content):
                continue
            info = zipfile.ZipInfo(_member(path), _EPOCH)
            info.external_attr = mode << 16
            if not stat.S_ISREG(mode):
                archive.writestr(info, os.fsencode(content))
                continue
            info.file_size = os.path.getsize(top / path)
            with (top / path).open("rb") as source, archive.open(info, "w") as file:
                shutil.copyfileobj(source, file)


def _member(path: str) -> str:
    """Return the name of a member of a result. A path need not be UTF-8, and a name must be."""
    return os.fsencode(path).decode("latin-1")


def _path(member: str) -> str:
    return os.fsdecode(member.encode("latin-1"))


def is_sound(path: Path) -> bool:
    """Whether a result can be read, and every checksum in it is right."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and _REMOVED in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def differences(kept: Path, new: Path) -> list[str]:
    """Return the files in which two results differ, without those that are not bundled."""
    one, other = _rows(kept), _rows(new)
    paths = {path for path in {*one, *other} if one.get(path) != other.get(path)}
    return choose_files(sorted(paths), frozenset(), "")[0]


def _rows(path: Path) -> dict[str, tuple[int, int, int]]:
    with zipfile.ZipFile(path) as archive:
        return {
            _path(info.filename): (info.CRC, info.file_size, info.external_attr)
            for info in archive.infolist()
            if info.filename != _REMOVED
        }


def restore(result: Path, top: Path) -> None:
    """Write a result to the export ``top``, as if the commands had run there."""
    with zipfile.ZipFile(result) as archive:
        for path in json.loads(archive.read(_REMOVED)):
            (top / path).unlink(missing_ok=True)
        for info in archive.infolist():
            if info.filename != _REMOVED:
                _restore(archive, info, top / _path(info.filename))


def _restore(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    if info.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        target.symlink_to(os.fsdecode(archive.read(info)))
        return
    with archive.open(info) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(stat.S_IMODE(mode))
