"""Collecting the project's static files: reused, or only those that changed, or all of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.build_cache import may_reuse
from django_deploykit.bundle.commands import ProjectAnswer, ask
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.export import complete
from django_deploykit.bundle.files import Exported, all_files
from django_deploykit.bundle.partial_collect import (
    Places,
    Selection,
    hold,
    merge,
    merged_record,
    read_manifest,
    select,
)
from django_deploykit.bundle.static_cache import (
    CollectedStatic,
    changed_sources,
    make_question,
    recall,
    recall_last,
    sources_of,
    watched,
)
from django_deploykit.errors import BundleError
from django_deploykit.project import Project

_LONGEST = 4 << 20  # bytes of a static file that is searched for names of others


def collect(
    project: Project,
    environment: InstalledEnvironment,
    target: TargetPython,
    exported: Exported,
    *,
    fresh: bool = False,
) -> CollectedStatic:
    """Ask the project and collect its static files in the export, or reuse an earlier result.

    Nothing is reused with ``fresh``, or while ``CI`` is set in the environment.
    """
    question = make_question(project, environment, target, exported)
    reusable = may_reuse(fresh=fresh)
    earlier, files = (recall(question) if reusable else None), frozenset(exported.ids)
    if earlier and not changed_sources(earlier):
        return earlier
    if reusable and not earlier:
        earlier, files = recall_last(question) or (None, files)
    if earlier:
        found = _collect_again(project, environment, exported, earlier, files)
        if found:
            return found
    complete(exported)
    question = watched(question)
    answer = ask(project, environment, exported.folder, exported.place)
    return CollectedStatic(question, answer, sources=sources_of(question, answer))


def _collect_again(
    project: Project,
    environment: InstalledEnvironment,
    exported: Exported,
    earlier: CollectedStatic,
    files: frozenset[str],
) -> CollectedStatic | None:
    """Collect the static files that a change affects. Return None if all must be collected.

    ``files`` are those of the earlier commit.
    """
    record = earlier.answer.facts.collected
    ids = exported.ids
    moved = files ^ ids.keys()
    changed = [path for path in changed_sources(earlier) if path not in moved]
    if not (record and files >= {*record.files.values()} and ids.keys() >= {*changed}):
        return None
    static = os.path.relpath(earlier.answer.facts.static_root, exported.folder.resolve())
    if any(path.startswith(f"{static}/") for path in ids):
        return None
    places = Places(record)
    names = {name for path in moved for name in places.names(path)}
    sources = (path for name in names for path in places.sources(name) if path in ids)
    new = list(dict.fromkeys([*changed, *sources]))
    complete(exported, new)
    selection = select(record, changed, names, [_text(exported.folder / path) for path in new])
    if selection is None:
        return None
    missing = _write_present(exported, record.files, places, selection)
    found = _run(project, environment, exported, earlier, selection, missing)
    if found is None:
        shutil.rmtree(exported.folder)  # ``complete`` writes all of it again
    return found


def _text(path: Path) -> str:
    if path.stat().st_size > _LONGEST:
        return ""  # if it refers to others, collectstatic does not find them, and all are collected
    return path.read_text(encoding="utf-8", errors="replace")


def _write_present(
    exported: Exported, files: Mapping[str, str], places: Places, selection: Selection
) -> list[str]:
    """Write the files of the export, without the static files that are not needed. Return those.

    ``files`` has the static files of the earlier commit. Those that another one replaces are
    missing, too: otherwise, the finders would find them in its place.
    """
    missing = {
        path
        for path in exported.ids
        if (names := places.names(path))
        and all(name in files and name not in selection.present for name in names)
    }
    complete(exported, (path for path in exported.ids if path not in missing))
    for path in missing.intersection(all_files(exported.folder)):
        os.unlink(exported.folder / path)
    for folder in {os.path.dirname(path) for path in exported.ids}:
        os.makedirs(exported.folder / folder, exist_ok=True)
    return sorted(missing)


def _run(
    project: Project,
    environment: InstalledEnvironment,
    exported: Exported,
    earlier: CollectedStatic,
    selection: Selection,
    missing: Sequence[str],
) -> CollectedStatic | None:
    """Collect the selected files and merge them with the earlier ones, or return None."""
    folder, before = exported.folder, earlier.answer.facts
    static = os.path.relpath(before.static_root, folder.resolve())
    held = hold(earlier.static)
    paths = read_manifest(held, static, exported.place / "earlier")
    if paths is None:
        return None
    given = json.dumps({"paths": paths, "collected": sorted(selection.again), "missing": missing})
    question = watched(earlier.question)
    try:
        answer = ask(project, environment, folder, exported.place, given)
    except BundleError:
        return None  # collecting everything fails in the same way, or works
    sources, ids, after = sources_of(question, answer), exported.ids, answer.facts
    if not (before.collected and after.collected):
        return None
    record = merged_record(before.collected, after.collected, selection, ids)
    if sources is None or record is None or after.static_root != before.static_root:
        return None
    others = record.files.keys() & after.collected.outside
    merged = merge(held, selection.again, folder, static, others)
    if merged is None:
        return None
    answer = ProjectAnswer(replace(after, collected=record), answer.stray, answer.trace)
    return CollectedStatic(
        question,
        answer,
        static=merged.known,
        sources={**_still_there(earlier, ids), **sources},
        groups=merged.groups,
    )


def _still_there(earlier: CollectedStatic, ids: Mapping[str, str]) -> dict[str, str]:
    """Return what an earlier answer depends on, with the content ids of this commit."""
    rows = (earlier.sources or {}).items()
    return {
        path: ids.get(path, found) for path, found in rows if path in ids or os.path.isabs(path)
    }
