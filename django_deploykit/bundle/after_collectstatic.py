"""Running ``[bundle] after_collectstatic``, with the same result from the same commit."""

from __future__ import annotations

import json
import os
from pathlib import Path

from django_deploykit.bundle.commands import run_build
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.files import Exported, all_files
from django_deploykit.bundle.links import materialise_links
from django_deploykit.bundle.project_side.ask_project import forget_times
from django_deploykit.progress import Progress
from django_deploykit.project import Project


def run_after_collectstatic(
    project: Project,
    environment: InstalledEnvironment,
    exported: Exported,
    static_root: str,
    time: int,
    progress: Progress,
) -> None:
    """Run the commands in the export. ``time`` is the commit's, in seconds since the epoch.

    Files get this time before, because tools make names from it: django-compressor hashes it.
    """
    if not project.after_collectstatic:
        return
    for path in all_files(exported.folder):
        os.utime(exported.folder / path, (time, time), follow_symlinks=False)
    for command in project.after_collectstatic:
        with progress.step(f"after collectstatic: {command}"):
            run_build(command, project, environment, exported.folder)
    materialise_links(exported.folder, exported.top)
    if static_root:
        forget_times(static_root)
        order_manifests(Path(static_root), time)


def order_manifests(root: Path, time: int) -> None:
    """Sort each ``manifest.json`` below ``root`` that is newer than ``time``.

    Tools that work in several threads write theirs in any order.
    """
    for path in sorted(root.rglob("manifest.json")):
        if path.stat().st_mtime == time:
            continue
        try:
            data = json.loads(path.read_bytes())
        except ValueError:
            continue
        if isinstance(data, dict):
            path.write_text(json.dumps(data, indent=2, sort_keys=True), encoding="utf-8")
