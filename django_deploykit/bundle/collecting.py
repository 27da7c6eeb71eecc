"""Collecting the project's static files: reused, or only those that changed, or all of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django_deploykit.bundle.build_cache import may_reuse
from django_deploykit.bundle.commands import ProjectAnswer, ask
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.export import complete
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.partial_collect import (
    Selection,
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
    earlier = recall(question) if may_reuse(fresh=fresh) else None
    changed = changed_sources(earlier) if earlier else []
    if earlier and not changed:
        return earlier
    if earlier:
        found = _collect_again(project, environment, exported, earlier, changed)
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
    changed: Collection[str],
) -> CollectedStatic | None:
    """Collect the static files that a change affects. Return None if all must be collected."""
    record = earlier.answer.facts.get("collected")
    ids = exported.ids
    if not record or not all(path in ids for path in (*changed, *record["files"].values())):
        return None
    static = os.path.relpath(earlier.answer.facts["static_root"], exported.folder.resolve())
    if any(path.startswith(f"{static}/") for path in ids):
        return None
    complete(exported, changed)
    selection = select(record, changed, [_text(exported.folder / path) for path in changed])
    if selection is None:
        return None
    _write_present(exported, record, selection)
    found = _run(project, environment, exported, earlier, selection)
    if found is None:
        shutil.rmtree(exported.folder)  # ``complete`` writes all of it again
    return found


def _text(path: Path) -> str:
    if path.stat().st_size > _LONGEST:
        return ""  # if it refers to others, collectstatic does not find them, and all are collected
    return path.read_text(encoding="utf-8", errors="replace")


def _write_present(exported: Exported, record: dict[str, Any], selection: Selection) -> None:
    """Write the files of the export, but not the static files that are not needed."""
    names = {source: name for name, source in record["files"].items()}
    wanted = (
        path for path in exported.ids if path not in names or names[path] in selection.present
    )
    complete(exported, wanted)
    for folder in {os.path.dirname(path) for path in exported.ids}:
        os.makedirs(exported.folder / folder, exist_ok=True)


def _run(
    project: Project,
    environment: InstalledEnvironment,
    exported: Exported,
    earlier: CollectedStatic,
    selection: Selection,
) -> CollectedStatic | None:
    """Collect the selected files and merge them with the earlier ones, or return None."""
    folder, before = exported.folder, earlier.answer.facts
    static = os.path.relpath(before["static_root"], folder.resolve())
    paths = read_manifest(earlier.static, static, exported.place / "earlier")
    if paths is None:
        return None
    given = json.dumps({"paths": paths, "collected": sorted(selection.again)})
    question = watched(earlier.question)
    try:
        answer = ask(project, environment, folder, exported.place, given)
    except BundleError:
        return None  # collecting everything fails in the same way, or works
    sources = sources_of(question, answer)
    record = merged_record(before["collected"], answer.facts.get("collected"), selection)
    if sources is None or record is None or answer.facts["static_root"] != before["static_root"]:
        return None
    merged = merge(earlier.static, selection.again, folder, static)
    if merged is None:
        return None
    answer = ProjectAnswer({**answer.facts, "collected": record}, answer.stray, answer.trace)
    return CollectedStatic(
        question,
        answer,
        static=merged.known,
        sources={**(earlier.sources or {}), **sources},
        groups=merged.groups,
    )
