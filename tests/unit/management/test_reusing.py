"""The bundle that a release takes: a given file, or one that was built before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.environment import find_target
from django_deploykit.bundle.runtime_files import runtime_digest
from django_deploykit.bundle.source import find_commit
from django_deploykit.bundle.stores import DEFAULT, STORES
from django_deploykit.bundle.stores.base import file_name
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.management.reusing import built_before, find_bundle
from django_deploykit.progress import Quiet
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.manifest import Manifest
from tests.bundles import make_manifest, write_bundle
from tests.projects import start_repository
from tests.unit.management.sessions import MemorySession, shop_bundle
from tests.unit.release.fakes import Host


def test_a_given_bundle_is_taken_as_it_is(tmp_path: Path) -> None:
    bundle = shop_bundle(tmp_path)
    assert find_bundle(MemorySession(tmp_path, Host(name="web1")), bundle, "") == bundle


def test_a_bundle_of_another_project_is_refused(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    bundle = write_bundle(tmp_path / "blog.pyz", make_manifest((), project="blog"), {})
    with pytest.raises(DeployKitError, match="is a bundle of blog, not of shop"):
        find_bundle(session, bundle, "")


@pytest.mark.parametrize("keep", [8, -1])
def test_a_given_bundle_that_is_damaged_is_refused(keep: int, tmp_path: Path) -> None:
    bundle = shop_bundle(tmp_path)
    bundle.write_bytes(bundle.read_bytes()[:keep])
    with pytest.raises(DeployKitError, match=str(bundle)):
        find_bundle(MemorySession(tmp_path, Host(name="web1")), bundle, "")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "manage.py").write_text("")
    start_repository(tmp_path)
    return Project(tmp_path, "shop", tmp_path / "deploykit.ini")


def manifest_of(project: Project) -> Manifest:
    commit, _ = find_commit(project.root)
    return make_manifest(
        (),
        release_id=commit.release_id,
        commit=commit.sha,
        runtime=runtime_digest(),
        python_full=find_target("", "").full,
    )


def put(project: Project, manifest: Manifest) -> Path:
    path = STORES[DEFAULT].path(project, file_name("shop", manifest.release_id))
    path.parent.mkdir(exist_ok=True)
    return write_bundle(path, manifest, {})


def test_returns_the_bundle_of_the_commit(project: Project) -> None:
    assert built_before(project, "", Quiet()) is None
    path = put(project, manifest_of(project))
    assert built_before(project, "", Quiet()) == path
    assert built_before(project, "HEAD", Quiet()) == path


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "b" * 40},
        {"runtime": "0" * 64},
        {"python_full": "3.8.1"},
        {"platform": "plan9-mips"},
    ],
)
def test_ignores_a_bundle_that_would_now_differ(project: Project, changes: dict[str, str]) -> None:
    put(project, replace(manifest_of(project), **changes))  # type: ignore[arg-type]
    assert built_before(project, "", Quiet()) is None


def test_ignores_a_damaged_bundle(project: Project) -> None:
    path = put(project, manifest_of(project))
    path.write_bytes(path.read_bytes()[:-1])
    assert built_before(project, "", Quiet()) is None


def test_refuses_a_working_copy_with_changes(project: Project) -> None:
    put(project, manifest_of(project))
    (project.root / "manage.py").write_text("# changed")
    with pytest.raises(Problems, match="the working copy differs"):
        built_before(project, "", Quiet())
