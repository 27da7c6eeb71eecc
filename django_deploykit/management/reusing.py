"""Finds the bundle for a release: a given file, one that was built before, or a new one."""

from __future__ import annotations

import os
from pathlib import Path

from django_deploykit.bundle.interpreter_layer import (
    interpreter_layer,
    project_interpreter,
    project_target,
)
from django_deploykit.bundle.runtime_files import runtime_digest
from django_deploykit.bundle.source import Commit, find_commit
from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.errors import DeployKitError
from django_deploykit.management.session import Session
from django_deploykit.progress import Progress
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import validate_seal


def find_bundle(session: Session, given: Path | None, rev: str, *, fresh: bool = False) -> Path:
    """Return the bundle to release: ``given``, or one of ``rev``, which is HEAD by default.

    With ``fresh``, nothing that was built before is reused.
    """
    if given is not None:
        with BundleFile(given) as bundle:  # raises an error if it is not a bundle at all
            validate_seal(given)
            validate_project(given, bundle.manifest, session.project)
        return given
    from django_deploykit.bundle.build import BuildRequest, build
    from django_deploykit.management.bundling import sign_again, sign_built

    before = None if fresh else built_before(session.project, rev, session.console)
    if before is not None:
        sign_again(before)
        return before
    session.hook("before_build")
    built = build(BuildRequest(session.project, rev, fresh=fresh), session.console)
    sign_built(built, "")
    session.hook("after_build", {"bundle": str(built.path)})
    return built.path


def validate_project(path: Path, manifest: Manifest, project: Project) -> None:
    """Raise :class:`DeployKitError` if a bundle is of another project."""
    if manifest.project != project.name:
        raise DeployKitError(
            f"{path} is a bundle of {manifest.project}, not of {project.name}",
            f"Name a bundle of {project.name}, or set name in [project] of deploykit.ini.",
        )


def built_before(project: Project, rev: str, progress: Progress) -> Path | None:
    """Return the bundle of HEAD, or of ``rev``, in ``.deploykit/bundles``.

    Return None if there is none, or if it is for another Python or was built by another version of
    this package. Raises the same errors as a build if the commit is not clean.
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
    interpreter = project_interpreter(project, project.root)
    target = project_target(project, interpreter)
    layer = interpreter_layer(interpreter, target) if interpreter else None
    try:
        validate_seal(path)
        with BundleFile(path) as bundle:
            manifest = bundle.manifest
    except DeployKitError:
        return False
    return (
        manifest.commit == commit.sha
        and manifest.runtime == runtime_digest()
        and manifest.python_full == target.full
        and manifest.interpreter == layer
        and manifest.platform in ("any", target.platform)
    )
