"""Taking the bundle that was built of a commit before: the same commit is the same bundle."""

from __future__ import annotations

import os
from pathlib import Path

from django_deploykit.bundle.environment import find_target
from django_deploykit.bundle.runtime_files import runtime_digest
from django_deploykit.bundle.source import Commit, find_commit
from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.errors import DeployKitError
from django_deploykit.progress import Progress
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import judge_seal


def built_before(project: Project, rev: str, progress: Progress) -> Path | None:
    """Return the whole bundle of HEAD, or of ``rev``, that lies in ``.deploykit/bundles``.

    None where there is none, or where one that is built now would differ: made for another Python,
    or with another version of this package. Raises as a build does where the commit is not clean.
    """
    commit, untracked = find_commit(project.root, rev)
    path = STORES[DEFAULT].find(project, file_name(project.name, commit.release_id))
    if path is None or not _fits(project, commit, path):
        return None
    if untracked:
        progress.note(f"untracked files are not in the bundle: {len(untracked)}")
    progress.note(f"built before: {os.path.relpath(path)}")
    return path


def _fits(project: Project, commit: Commit, path: Path) -> bool:
    target = find_target(project.python, project.platform)
    try:
        judge_seal(path)
        with BundleFile(path) as bundle:
            manifest = bundle.manifest
    except DeployKitError:
        return False
    return (
        manifest.commit == commit.sha
        and manifest.runtime == runtime_digest()
        and manifest.python_full == target.full
        and manifest.platform in ("any", target.platform)
    )
