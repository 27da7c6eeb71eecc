"""Which static files a front-end build writes later, so that they may be missing in a working copy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django_deploykit.checks.subject import Subject, git_output

# Folders whose package.json has nothing to do with the site.
_ELSEWHERE = {"docs", "doc", "documentation", "website", "tests", "test", "examples", "e2e"}


def why_built_later(subject: Subject, text: str = "") -> str:
    """Return why static files may be missing here, or an empty string.

    ``text`` is what is known about them. It may name node_modules.
    """
    if subject.project.build:
        return "[bundle] build may write them"
    for package in _packages(subject):
        name = os.path.relpath(package, subject.root)
        if _has_build_script(package):
            return f"the build of {name} may write them"
        if "node_modules" in text and package.is_file():
            return f"they are installed from {name}"
    return ""


def ignored(subject: Subject, paths: Iterable[str]) -> set[str]:
    """Return the paths that git ignores: what a build writes. End folders with a slash."""
    wanted = [one for one in paths if subject.inside(one)]
    if not wanted:
        return set()
    words = ["-c", "core.quotePath=false", "check-ignore", "--no-index", "--"]
    return set((git_output(subject.root, *words, *wanted) or "").splitlines())


def _packages(subject: Subject) -> Iterator[Path]:
    """Yield where package.json may be: next to manage.py, above, or anywhere in the repository."""
    for folder in (subject.root, *subject.root.parents[:2]):
        yield folder / "package.json"
    found = git_output(subject.root, "ls-files", "-z", "--", ":(top,glob)**/package.json")
    for name in filter(None, (found or "").split("\0")):
        if not _ELSEWHERE.intersection(Path(name).parts):
            yield subject.root / name


def _has_build_script(path: Path) -> bool:
    try:
        scripts = json.loads(path.read_text(encoding="utf-8")).get("scripts", {})
    except (OSError, ValueError, AttributeError):
        return False
    return any("build" in str(name) for name in scripts)
