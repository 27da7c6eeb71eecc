"""What integration tests share: one shop and its bundle for each worker, and bundles of tiny distributions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle.build import write
from django_deploykit.bundle.environment import (
    InstalledEnvironment,
    ensure_environment,
    find_target,
)
from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.discovery import read_lock, validate_lock
from django_deploykit.bundle.locks.markers import apply_markers, without_unneeded
from django_deploykit.progress import Quiet
from django_deploykit.project import Project
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bootstrap import ensure
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.sources import sources
from tests.bundles import make_manifest
from tests.projects import make_shop, manage, run

PYTHON = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
KEY = "Kq4-for-tests-only-0123456789-abcdefghijklmnopqrstuvwxyz-xyz"


@dataclass(frozen=True)
class Shop:
    """The shop's repository and a bundle of it, with what ``--json`` said."""

    project: Path
    facts: Document

    @property
    def bundle(self) -> Path:
        """The bundle's path."""
        return Path(self.facts["path"])


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Yield the shop, bundled once; tests that write into it work on a copy."""
    project = make_shop(tmp_path_factory.mktemp("shop"))
    done = manage(project, "bundle", "--json")
    assert done.returncode == 0, done.stderr
    yield Shop(project, json.loads(done.stdout))
    # What one test leaves here fails another one, and only in some orders.
    assert run("git", "status", "--porcelain", cwd=project) == ""


def copy_shop(shop: Shop, folder: Path) -> Path:
    """Copy the shop's repository into the folder, to change it."""
    ignore = shutil.ignore_patterns(".deploykit")
    return Path(shutil.copytree(shop.project, folder / "shop", ignore=ignore))


def files_of(facts: Document, name: str) -> dict[str, bytes]:
    """Return the files of a layer."""
    digest = next(one["sha256"] for one in facts["layers"] if one["name"] == name)
    with (
        zipfile.ZipFile(facts["path"]) as bundle,
        bundle.open(f"layers/{digest}.zip") as file,
        zipfile.ZipFile(file) as layer,
    ):
        return {one: layer.read(one) for one in layer.namelist()}


def run_bundle(
    path: Path | str, *argv: str, python: str = PYTHON, cwd: Path | str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a bundle with nothing around it but a Python."""
    return subprocess.run(
        [python, str(path), *argv],
        env={"PATH": "/usr/bin:/bin", **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


@dataclass(frozen=True)
class Staged:
    """A locked environment as a bundle's release on disk."""

    environment: InstalledEnvironment
    bundle: Path
    release: Path

    def run(self, *argv: str) -> str:
        """Run a program of the release that must succeed; returns its output."""
        command = [str(self.release / "bin" / argv[0]), *argv[1:]]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin"},
            cwd=self.release,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def python(self, code: str) -> str:
        """Run Python code in the release."""
        return self.run("python", "-c", code)


Stage = Callable[..., Staged]


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the only index there is."""
    folder = tmp_path / "links"
    folder.mkdir()
    for name in [key for key in os.environ if key.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return folder


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use caches of this test alone, of building and of running."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "build-cache"))
    monkeypatch.setenv("DEPLOYKIT_CACHE", str(tmp_path / "run-cache"))
    return tmp_path


def build_environment(
    folder: Path, name: str = "requirements.txt", **options: Any
) -> InstalledEnvironment:
    """Install the lock of a folder."""
    project = replace(Project(folder, "tiny", folder / "deploykit.ini"), **options)
    target = find_target(project.python, project.platform)
    lock = read_lock(folder, name, Wanted(project.extras, project.groups))
    lock = without_unneeded(lock, target.python, target.platform)
    validate_lock(lock, allow_unhashed=project.allow_unhashed)
    rows, _ = apply_markers(lock.requirements, target.python, target.platform)
    return ensure_environment(replace(lock, requirements=tuple(rows)), target, folder, Quiet())


@pytest.fixture
def stage(caches: Path) -> Stage:
    """Return a function that bundles a folder's lock, and lays the bundle out as running it does."""

    def work(folder: Path, name: str = "requirements.txt", **options: Any) -> Staged:
        environment = build_environment(folder, name, **options)
        manifest: Manifest = make_manifest(
            environment.layers, platform=environment.platform, glibc=environment.glibc
        )
        files = {"sample.ini": b"", "sbom.cdx.json": b"{}"}
        bundle = caches / "tiny.pyz"
        write(Content(manifest, sources(), files), bundle)
        return Staged(environment, bundle, ensure(bundle))

    return work
