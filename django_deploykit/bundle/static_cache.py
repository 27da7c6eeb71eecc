"""What the project said and collected before, taken again where nothing that it came from has changed.

While the project is asked, all of the export that it reads is noted: by the kernel (a file's time of
access, set far back before) and by Python's audit events. A later build of the same names with the same
environment, in which those files are the same, would get the same answer, and takes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from django_deploykit.bundle.build_cache import keep, read_kept
from django_deploykit.bundle.commands import Answer, scrubbed
from django_deploykit.bundle.environment import Environment, Target
from django_deploykit.bundle.layers import digest_of_text, layer_folder
from django_deploykit.bundle.project_side.pack_layers import file_digest, whole
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.manifest import Layer

_KIND = "collected"  # of texts that are kept
_FILES = ("open", "os.link", "os.rename", "os.symlink", "sqlite3.connect")
_LISTS = ("os.listdir", "os.scandir")
# Of the kernel's making: what is read there is no part of a bundle.
_MACHINE = ("/dev/", "/proc/", "/sys/")
# Programs that look at the machine alone: Sentry runs git, ctypes.util runs ldconfig.
_PROGRAMS = ("git", "ldconfig", "uname")

Status = tuple[int, int, int]  # mode, size, nanoseconds of the last change


@dataclass(frozen=True)
class Question:
    """The export before the project is asked; ``key`` is what the answer is kept under, "" for not at all."""

    folder: Path
    before: Mapping[str, Status]
    key: str


@dataclass(frozen=True)
class Collected:
    """An answer that was given before, and the layer of the static files that came with it."""

    answer: Answer
    static: Layer | None


@dataclass(frozen=True)
class Sources:
    """What an answer came from: files of the export, by relative path, and others (``outside``)."""

    reads: frozenset[str]
    outside: frozenset[str]


class Untraceable(Exception):
    """An answer came from more than files, and holds for this once. The argument says from what."""


def make_question(
    project: Project, environment: Environment, target: Target, folder: Path
) -> Question:
    """Return what the project will be asked: the names in its export, and what it runs with."""
    before = dict(sorted(_tree(str(folder), "")))
    names = [f"{path}:{status[0]:o}" for path, status in before.items()]
    environ = json.dumps(sorted(scrubbed(project, environment).items()))
    words = (environment.python, target.executable, target.full, target.platform, environ)
    # What a build of the project's own made hangs on more than the export.
    key = "" if project.build else digest_of_text(*words, *names)[:32]
    return Question(folder, before, key)


def _tree(folder: str, prefix: str) -> Iterator[tuple[str, Status]]:
    with os.scandir(folder) as rows:
        for row in rows:
            if row.is_dir(follow_symlinks=False):
                yield from _tree(row.path, f"{prefix}{row.name}/")
            else:
                yield prefix + row.name, _status(row.stat(follow_symlinks=False))


def _status(found: os.stat_result) -> Status:
    return found.st_mode, found.st_size, found.st_mtime_ns


def recall(question: Question) -> Collected | None:
    """Return the answer of before; None where asking might give another.

    Then the export is ready to be asked: what is read from now on shows.
    """
    found = _recall(question) if question.key else None
    if found is None:
        for path, status in question.before.items():
            os.utime(question.folder / path, ns=(0, status[2]), follow_symlinks=False)
    return found


def _recall(question: Question) -> Collected | None:
    folder = question.folder
    try:
        data = json.loads(read_kept(_KIND, question.key) or "")
    except ValueError:
        return None
    sources = {str(folder / path): digest for path, digest in data["reads"].items()}
    if any(_digest(path) != digest for path, digest in (sources | data["outside"]).items()):
        return None
    static = Layer(**data["static"]) if data["static"] else None
    if static and not whole(str(layer_folder()), static.sha256):
        return None
    facts = data["facts"]
    if facts["static_root"]:
        facts["static_root"] = os.path.normpath(folder.resolve() / facts["static_root"])
    return Collected(Answer(facts, tuple(data["stray"])), static)


def sources_of(question: Question, answer: Answer) -> Sources | None:
    """Return what an answer came from, asked before anybody else reads the export.

    None where that is more than files which can be looked at again.
    """
    if not question.key or answer.trace is None or not _reading_shows(question.folder.parent):
        return None
    try:
        return _sources(question, answer)
    except Untraceable:
        return None


def remember(
    question: Question, answer: Answer, sources: Sources | None, static: Layer | None
) -> None:
    """Keep an answer with the digests of what it came from, where that is known."""
    text = _as_text(question.folder, sources, answer, static) if sources else ""
    if text:
        keep(_KIND, question.key, text)


def _reading_shows(folder: Path) -> bool:
    """Whether the disk notes when a file is read; one that is mounted ``noatime`` does not."""
    probe = folder / "probe"
    probe.write_bytes(b"x")
    os.utime(probe, ns=(0, probe.stat().st_mtime_ns))
    probe.read_bytes()
    return probe.stat().st_atime_ns > 0


def _sources(question: Question, answer: Answer) -> Sources:
    """Return what an answer came from; :class:`Untraceable` where not all of that can be named."""
    top, root = os.path.realpath(question.folder), answer.facts["static_root"]
    inner, outer = _named(answer.trace or (), top)
    for path, status in question.before.items():
        name = os.path.join(top, path)
        try:
            now = os.lstat(name)
        except FileNotFoundError:
            raise Untraceable(f"{path} was removed") from None
        if _status(now) != status:
            raise Untraceable(f"{path} was changed")
        # What lay in STATIC_ROOT is among the collected files, read or not.
        if now.st_atime_ns or (root and name.startswith(f"{root}{os.sep}")):
            inner.add(path)
    return Sources(frozenset(inner & question.before.keys()), frozenset(outer))


def _named(trace: Iterable[tuple[str, str]], top: str) -> tuple[set[str], set[str]]:
    """Return the files that audit events name, those below ``top`` and the others."""
    inner: set[str] = set()
    outer: set[str] = set()
    for event, name in trace:
        real = os.path.realpath(name) if name else ""
        below = f"{real}{os.sep}".startswith(f"{top}{os.sep}")
        if below and event in (*_FILES, *_LISTS):
            inner.add(real[len(top) + 1 :])
        elif event == "open" and not os.path.isdir(real):
            # The answer itself is written beside the export, and so are temporary files.
            if not real.startswith((*_MACHINE, f"{os.path.dirname(top)}{os.sep}")):
                outer.add(name)
        elif event != "subprocess.Popen" or os.path.basename(name) not in _PROGRAMS:
            raise Untraceable(f"{event} {name}".rstrip())
    return inner, outer


def _as_text(folder: Path, sources: Sources, answer: Answer, static: Layer | None) -> str:
    """Return an answer's record, "" where it hangs on where the export lay."""
    facts, top = dict(answer.facts), folder.resolve()
    if facts["static_root"]:
        facts["static_root"] = os.path.relpath(facts["static_root"], top)
    data = {
        "facts": facts,
        "stray": answer.stray,
        "static": asdict(static) if static else None,
        "reads": {path: _digest(str(folder / path)) for path in sorted(sources.reads)},
        "outside": {path: _digest(path) for path in sorted(sources.outside)},
    }
    text = json.dumps(data)
    if facts["static_root"].startswith("..") or str(folder) in text or str(top) in text:
        return ""
    return text


def _digest(path: str) -> str:
    """Return a file's SHA-256, "" where there is none that can be read."""
    try:
        return file_digest(path)
    except OSError:
        return ""
