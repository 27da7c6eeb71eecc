"""What identifies the content of a commit's files, without reading them.

git names a file's content by its blob. An export has the same content unless attributes change it,
so attributes are part of the id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from django_deploykit.bundle.build_cache import cache_key
from django_deploykit.bundle.source import Commit, git

_ATTRIBUTES = ".gitattributes"
_FILES = ("100644", "100755")
# Attributes by which an export depends on the commit or on the clone, or lacks files.
_MORE = re.compile(r"export-|filter(?!=lfs\b)")


def content_ids(commit: Commit) -> dict[str, str]:
    """Return the mode and an id of each file of the project's folder, by its path in it.

    Equal ids at the same path mean equal content, in every commit. Return an empty dictionary if
    content depends on more than the files: on links, submodules, filters or ``export-subst``.
    """
    above = [_in(str(folder), _ATTRIBUTES) for folder in PurePosixPath(commit.prefix).parents]
    wanted = ["--", commit.prefix, *above] if commit.prefix else []
    found = dict(_iter_rows(git(commit.top, "ls-tree", "-rz", "--full-tree", commit.sha, *wanted)))
    rules = {path: facts for path, facts in found.items() if path.rpartition("/")[2] == _ATTRIBUTES}
    blobs = {facts.split()[2] for facts in rules.values()}
    if any(_MORE.search(git(commit.top, "cat-file", "blob", blob)) for blob in blobs):
        return {}
    more = cache_key(*(f"{path}:{facts}" for path, facts in sorted(rules.items())))
    ids = {}
    for path, facts in found.items():
        if path.startswith(commit.prefix):
            mode, _, blob = facts.split()
            if mode not in _FILES:
                return {}
            ids[path[len(commit.prefix) :]] = f"{mode}:{blob}:{more}"
    return ids


def mode_of(content_id: str) -> str:
    """Return the mode in a content id, in octal.

    >>> mode_of("100644:ce01362:e3b0c442")
    '100644'
    """
    return content_id.partition(":")[0]


def _iter_rows(text: str) -> Iterator[tuple[str, str]]:
    """Yield the path, and the mode, type and name, of each row of ``git ls-tree -z``."""
    for row in text.split("\0"):
        facts, _, path = row.partition("\t")
        if path:
            yield path, facts


def _in(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
