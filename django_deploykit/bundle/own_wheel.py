"""The wheel that a project builds of itself: whether it does, and what is in the wheel.

The wheel is built by the project's own build backend, in a copy of the tracked files, and its list of
members is cached for the same files.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django_deploykit.bundle.build_cache import cache_key, cached_text, keep_text
from django_deploykit.bundle.export import bring
from django_deploykit.bundle.files import all_files
from django_deploykit.bundle.locks.base import text_of
from django_deploykit.bundle.locks.choices import project_table
from django_deploykit.bundle.run_uv import has_uv, run_uv
from django_deploykit.bundle.scratch import scratch
from django_deploykit.bundle.source import Commit, copy_changed, git_environment
from django_deploykit.bundle.subprocesses import Stopper
from django_deploykit.bundle.wheel_contents import OwnFiles, hint, lacking, message
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.files import hash_file

_KIND = "own-wheels"  # of cached texts
_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
_BACKEND_FAILED = re.compile(r"build backend returned an error", re.IGNORECASE)
# The copy has no history, from which some backends take the version.
_VERSIONS = {
    "SETUPTOOLS_SCM_PRETEND_VERSION": "0",
    "PBR_VERSION": "0",
    "PDM_BUILD_SCM_VERSION": "0",
    "POETRY_DYNAMIC_VERSIONING_BYPASS": "0",
}
_NO_PACKAGE = (
    ("tool", "uv", "package"),
    ("tool", "poetry", "package-mode"),
    ("tool", "pdm", "distribution"),
)


class NotBuiltError(BundleError):
    """The wheel could not be built here, so that nothing is known about it."""


@dataclass(frozen=True)
class Site:
    """What a wheel should have: the first names of modules, and folders that the settings name."""

    modules: tuple[str, ...]
    folders: tuple[Path, ...] = ()  # in the working copy


def find_distribution(top: Path, prefix: str) -> str | None:
    """Return the folder, in the repository ``top``, whose files declare a distribution, or None.

    It is the project's folder, ``prefix``, or the nearest one above. It has a slash at the end.
    """
    for folder in (PurePosixPath(prefix), *PurePosixPath(prefix).parents):
        if declares_distribution(top / folder):
            return "" if str(folder) == "." else f"{folder}/"
    return None


def declares_distribution(folder: Path) -> bool:
    """Whether a wheel can be built of a folder: a backend is named, and a distribution."""
    path = folder / "pyproject.toml"
    said = [project_table(path, *names).get(key) for *names, key in _NO_PACKAGE]
    if False in said:
        return False
    if "setup(" in text_of(folder / "setup.py"):
        return True
    backend = bool(project_table(path, "build-system")) or said[0] is True
    tables = [project_table(path, *one) for one in (("project",), ("tool", "poetry"))]
    named = any("name" in one for one in tables) or project_table(path, "tool", "flit", "metadata")
    return backend and (bool(named) or _named_in_cfg(folder))


def _named_in_cfg(folder: Path) -> bool:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(configparser.Error):
        parser.read_string(text_of(folder / "setup.cfg"))
    return parser.has_option("metadata", "name")


def backend_of(folder: Path) -> str:
    """Return the first name of the build backend, such as ``setuptools``."""
    table = project_table(folder / "pyproject.toml", "build-system")
    return re.split(r"[.:]", str(table.get("build-backend", "setuptools")))[0]


def validate_own_wheel(
    commit: Commit, changed: Sequence[str], site: Site, limit: float, stopper: Stopper | None = None
) -> None:
    """Raise :class:`BundleError` if the project builds a wheel of itself that lacks tracked files.

    ``changed`` are modified files, which are compared as they are now. ``limit`` is in seconds. Raise
    :class:`NotBuiltError` if the wheel cannot be built here.
    """
    place = find_distribution(commit.top, commit.prefix)
    if place is None:
        return
    if not has_uv():
        raise NotBuiltError("the wheel can be built with the extra: django-deploykit[deploy]")
    with scratch() as copy:
        bring(commit, [place], copy / "export")
        copy_changed(commit.top, copy / "export", [one for one in changed if one.startswith(place)])
        folder = copy / "export" / place
        if not declares_distribution(folder):  # git does not track what declares it
            return
        tracked = frozenset(all_files(folder))
        members = _members(folder, copy / "out", limit, stopper)
        own = OwnFiles(
            tracked,
            site.modules,
            _below(commit.top / place, site.folders),
            commit.prefix[len(place) :],
        )
        found = lacking(members, own)
        if found:
            texts = {name: text_of(folder / name) for name in _FILES}
            raise BundleError(message(found), hint(found, tracked, backend_of(folder), texts))


def _below(top: Path, folders: Sequence[Path]) -> tuple[str, ...]:
    """Return the folders below ``top``, relative to it."""
    base = os.path.realpath(top)
    rows = (os.path.relpath(os.path.realpath(one), base) for one in folders)
    return tuple(sorted({one for one in rows if not one.startswith("..") and one != "."}))


def _members(folder: Path, out: Path, limit: float, stopper: Stopper | None) -> list[str]:
    """Return the paths in the wheel, from the cache if the files are the same."""
    rows = [f"{path}:{hash_file(folder / path)}" for path in all_files(folder)]
    key = cache_key(sys.executable, sys.version, *rows)
    text = cached_text(_KIND, key)
    if text is None:
        _start_repository(folder)
        _build(folder, out, limit, stopper)
        with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
            text = json.dumps(wheel.namelist())
        with suppress(OSError):  # the cache cannot be written
            keep_text(_KIND, key, text)
    members: list[str] = json.loads(text)
    return members


def _start_repository(folder: Path) -> None:
    """Make a repository of the copy, because setuptools-scm includes what git tracks."""
    env = {**git_environment(), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=deploykit", "-c", "user.email=deploykit@localhost")
    for words in (["init", "-q"], ["add", "-A", "-f"], [*who, "commit", "-q", "-m", "copy"]):
        subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True)


def _build(folder: Path, out: Path, limit: float, stopper: Stopper | None) -> None:
    """Build the wheel with what uv's cache has, or else with the network."""
    words = ["build", "--wheel", "--no-create-gitignore", "--python", sys.executable]
    words += ["--out-dir", str(out), str(folder)]

    def run(*more: str) -> None:
        run_uv([*words, *more], folder, "building it", _VERSIONS, limit=limit, stopper=stopper)

    try:
        try:
            run("--offline")
        except BundleError as error:
            if _BACKEND_FAILED.search(error.message):
                raise
            run()
    except subprocess.TimeoutExpired:
        raise NotBuiltError(f"the project's own wheel was not built within {limit:g} s") from None
    except BundleError as error:
        text = _reason(error.message)
        if not _BACKEND_FAILED.search(error.message):
            raise NotBuiltError(
                f"the project's own wheel could not be built here: {text}"
            ) from None
        raise BundleError(
            f"the project's own wheel does not build from its tracked files: {text}",
            "Correct what its build needs, or say that the project is no package: package = false in "
            "[tool.uv], package-mode = false in [tool.poetry], or no [build-system].",
        ) from None


def _reason(text: str) -> str:
    """Return the line of uv's or the backend's output that says most."""
    rows = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    errors = [one for one in rows if re.match(r"[\w.]*(Error|Exception)\b.*: ", one)]
    causes = [one for one in rows if one.startswith("cause: ")]
    return (errors[-1:] or causes[-1:] or rows[-1:] or [text])[0].removeprefix("cause: ")
