"""Reusing the project's answer and collected static files until something they depend on changes.

While the project is loaded, two things record what it reads in the export: access times, which are
set far back before, and Python's audit events. A later build reuses the answer if the file names,
the environment and these files are unchanged. ``docs/decisions/0032`` explains why, and which
dependencies are not noticed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from django_deploykit.bundle.build_cache import (
    cache_key,
    cached_text,
    is_cached,
    keep_text,
)
from django_deploykit.bundle.commands import WRITTEN, ProjectAnswer, command_environment
from django_deploykit.bundle.content_ids import mode_of
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.project import Project
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import Layer
from django_deploykit.runtime.wire.reader import WireError, plain, read

_KIND = "collected-6"  # of cached texts
_LAST = "collected-last"  # the key of a project's last answer, and the files of its commit
_FILES = (
    "open",
    "os.link",
    "os.rename",
    "os.symlink",
    "sqlite3.connect",
    "os.listdir",
    "os.scandir",
)
_KERNEL = ("/dev/", "/proc/", "/sys/")  # files without a fixed content
_HARMLESS = ("/dev/null", "/proc/stat")  # psutil reads /proc/stat when it is imported
# Programs that common packages run (Sentry, ctypes, platform), and the files that they read. git
# reads none, because an export is not in a repository.
_PROGRAMS = {"git rev-parse HEAD": (), "ldconfig -p": ("/etc/ld.so.cache",), "uname -p": ()}

Status = tuple[int, int, int]  # mode, size, nanoseconds of the last change


@dataclass(frozen=True)
class Question:
    """The export before the project is loaded.

    ``place`` is the temporary folder that it is in. ``before`` is the status of each file by its
    path. ``key`` is the cache key, or an empty string if the answer must not be cached. ``last`` is
    the key of the project's last answer, whose commit may have other files. ``ids`` are the content
    ids of the committed files, if there are any.
    """

    place: Path
    folder: Path
    before: Mapping[str, Status]
    key: str
    ids: Mapping[str, str] = field(default_factory=dict)
    last: str = ""


@dataclass(frozen=True)
class CollectedStatic:
    """An answer of the project.

    ``sources`` has the content id or SHA-256 of each file that the answer depends on, by path
    relative to the export. It is None if the answer depends on anything else than files.

    If it is ``reused``, ``static`` has the layers of the static files. If only changed files were
    collected, ``static`` has the layers that are the same, and ``groups`` the other layers' files.
    """

    question: Question
    answer: ProjectAnswer
    reused: bool = False
    static: tuple[Layer, ...] = ()
    sources: Mapping[str, str] | None = None
    groups: Mapping[str, Sequence[str]] | None = None

    @property
    def unchanged(self) -> bool:
        """Whether the project is known to have left the committed files as they were."""
        return self.sources is not None


def make_question(
    project: Project,
    environment: InstalledEnvironment,
    target: TargetPython,
    exported: Exported,
) -> Question:
    """Return the question.

    Its key depends on file names, the locked environment, the environment variables and the
    machine.
    """
    folder, ids = exported.folder, exported.ids
    if ids:
        names = sorted(f"{path}:{mode_of(content_id)}" for path, content_id in ids.items())
    else:
        names = sorted(f"{path}:{status[0]:o}" for path, status in _tree(str(folder), ""))
    variables = json.dumps(sorted(command_environment(project, environment).items()))
    words = (environment.python, target.executable, target.full, target.platform, variables)
    machine = (*os.uname(), str(os.getuid()))
    # Build commands without inputs read more than the export, and so do those that run afterwards.
    reusable = not project.after_collectstatic and (project.inputs or not project.build)
    key = cache_key(*words, *machine, *names) if reusable else ""
    commit = exported.commit
    known = key and ids and commit
    last = cache_key(*words, *machine, str(commit.top), commit.prefix) if known and commit else ""
    return Question(exported.place, folder, {}, key, ids, last)


def _tree(folder: str, prefix: str) -> Iterator[tuple[str, Status]]:
    with os.scandir(folder) as rows:
        for row in rows:
            if row.is_dir(follow_symlinks=False):
                yield from _tree(row.path, f"{prefix}{row.name}/")
            else:
                yield prefix + row.name, _status(row.stat(follow_symlinks=False))


def _status(found: os.stat_result) -> Status:
    return found.st_mode, found.st_size, found.st_mtime_ns


def recall(question: Question) -> CollectedStatic | None:
    """Return the earlier answer to a question, or None. Its sources may have changed."""
    return _recalled(question, question.key)


def recall_last(question: Question) -> tuple[CollectedStatic, frozenset[str]] | None:
    """Return the project's last answer, and the files of its commit, or None."""
    text = cached_text(_LAST, question.last) if question.last else None
    if text is None:
        return None
    data = json.loads(text)
    found = _recalled(question, data["key"])
    return (found, frozenset(data["files"])) if found else None


def _recalled(question: Question, key: str) -> CollectedStatic | None:
    try:
        data = json.loads((key and cached_text(_KIND, key)) or "")
        facts = read(ProjectFacts, data["facts"], "the cached facts")
    except (ValueError, WireError):
        return None
    static = tuple(Layer(**row) for row in data["static"])
    if not all(is_cached(layer.sha256) for layer in static):
        return None
    if facts.static_root:
        root = os.path.normpath(question.folder.resolve() / facts.static_root)
        facts = replace(facts, static_root=root)
    answer = ProjectAnswer(facts, tuple(data["stray"]))
    return CollectedStatic(question, answer, True, static, data["sources"])


def changed_sources(earlier: CollectedStatic) -> list[str]:
    """Return the paths of files that an earlier answer depends on, and that are different now."""
    rows = (earlier.sources or {}).items()
    return [path for path, found in rows if _identity(earlier.question, path) != found]


def watched(question: Question) -> Question:
    """Set the access times in the export far back, so that reading a file changes them.

    Return the question with the status of all files.
    """
    before = dict(sorted(_tree(str(question.folder), "")))
    for path, status in before.items():
        os.utime(question.folder / path, ns=(0, status[2]), follow_symlinks=False)
    return replace(question, before=before)


def sources_of(question: Question, answer: ProjectAnswer) -> dict[str, str] | None:
    """Return the content id or SHA-256 of each file that an answer depends on, by path.

    Return None if it depends on anything else, or if that is unknown.

    It must be called before anything else reads the export.
    """
    if not question.key or answer.trace is None or not _reading_shows(question.place):
        return None
    top = os.path.realpath(question.folder)
    named, read = _named(answer.trace, top, question.place), _read(question, answer, top)
    if named is None or read is None:
        return None
    paths = {path for path in named if os.path.isabs(path) or path in question.before} | read
    return {path: _identity(question, path) for path in sorted(paths)}


def _reading_shows(folder: Path) -> bool:
    """Whether the disk updates access times. With the mount option ``noatime`` it does not."""
    probe = folder / "probe"
    probe.write_bytes(b"x")
    os.utime(probe, ns=(0, probe.stat().st_mtime_ns))
    probe.read_bytes()
    return probe.stat().st_atime_ns > 0


def _named(trace: Iterable[tuple[str, str]], top: str, place: Path) -> set[str] | None:
    """Return the paths of files in the trace. Paths below ``top`` are relative to it.

    Return None if the trace has anything else than files and harmless programs.
    """
    found: set[str] = set()
    own = tuple(str(place.resolve() / name) for name in WRITTEN)
    for event, name in trace:
        if event == "subprocess.Popen" and name in _PROGRAMS:
            found.update(_PROGRAMS[name])
            continue
        real = os.path.realpath(name)
        if event in _FILES and real.startswith(own):
            continue
        if event in _FILES and f"{real}/".startswith(f"{top}/"):
            found.add(real[len(top) + 1 :])
        elif event == "open" and not real.startswith(_KERNEL) and not os.path.isdir(real):
            if real.startswith(f"{place.resolve()}/"):
                return None  # another part of the repository
            found.add(name)
        elif event != "open" or real not in _HARMLESS:
            return None
    return found


def _read(question: Question, answer: ProjectAnswer, top: str) -> set[str] | None:
    """Return the files of the export that were read, or None if one was changed or removed."""
    root, found = answer.facts.static_root, set()
    for path, status in question.before.items():
        name = os.path.join(top, path)
        try:
            now = os.lstat(name)
        except FileNotFoundError:
            return None
        if _status(now) != status:
            return None
        # A file that was in STATIC_ROOT before is a collected file, even if it was not read.
        if now.st_atime_ns or (root and name.startswith(f"{root}/")):
            found.add(path)
    return found


def keep(collected: CollectedStatic, static: Sequence[Layer]) -> None:
    """Cache a new answer and the layers of its static files, if its sources are known."""
    if collected.reused or not collected.sources:
        return
    folder, facts = collected.question.folder, collected.answer.facts
    top = folder.resolve()
    if facts.static_root:
        facts = replace(facts, static_root=os.path.relpath(facts.static_root, top))
    data = {
        "facts": plain(facts),
        "stray": collected.answer.stray,
        "static": [asdict(layer) for layer in static],
        "sources": collected.sources,
    }
    text = json.dumps(data)
    # An answer that contains the path of this export would be wrong for another export.
    if not (facts.static_root.startswith("..") or str(folder) in text or str(top) in text):
        keep_text(_KIND, collected.question.key, text)
        if collected.question.last:
            data = {"key": collected.question.key, "files": sorted(collected.question.ids)}
            keep_text(_LAST, collected.question.last, json.dumps(data))


def _identity(question: Question, path: str) -> str:
    """Return a file's content id or its SHA-256, or an empty string if it cannot be read."""
    try:
        return question.ids.get(path) or hash_file(question.folder / path)
    except OSError:
        return ""
