"""The source of a bundle: one clean commit of the project's git repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.errors import BundleError, Problems

_SHOWN = 20  # modified files in a message
_LAST_SECOND = 253_402_300_799  # of the year 9999, in seconds since the epoch
STREAMED = "core.bigFileThreshold=4m"  # git reads larger files in pieces
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class Commit:
    """A commit of the repository at ``top``.

    ``prefix`` is the project's folder in the repository, with a trailing slash.
    """

    top: Path
    prefix: str
    sha: str
    time: int  # seconds since the epoch
    tree: str
    tag: str = ""

    @property
    def release_id(self) -> str:
        """The release id: the commit's time in UTC and its short hash."""
        return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(self.time))}-{self.sha[:7]}"


def find_commit(root: Path, rev: str = "") -> tuple[Commit, tuple[str, ...]]:
    """Return the commit to build, and the untracked files, which are not in the commit.

    Without ``rev``, the commit is HEAD. Then :class:`Problems` is raised if tracked files are
    modified.
    """
    top, prefix = find_repository(root)
    sha = _resolve(root, rev or "HEAD")
    untracked: tuple[str, ...] = ()
    if not rev:
        modified, untracked = working_changes(root)
        validate_clean(modified)
    when, tree = git(root, "show", "-s", "--no-show-signature", "--format=%ct,%T", sha).split(",")
    tag = git(root, "describe", "--tags", "--exact-match", sha, fail=False).strip()
    return Commit(top, prefix, sha, _read_time(when, sha), tree.strip(), tag), untracked


def _read_time(text: str, sha: str) -> int:
    """Return a commit's time; git allows any number, and prints nothing for one below zero."""
    if not text.isdigit() or int(text) > _LAST_SECOND:
        raise BundleError(
            f"the time of commit {sha[:12]} is {text or 'negative'}; expected a year up to 9999",
            "Make the commit again: git commit --amend --no-edit",
        )
    return int(text)


def find_repository(root: Path) -> tuple[Path, str]:
    """Return the repository's folder, and the project's folder in it with a trailing slash."""
    if shutil.which("git") is None:
        raise BundleError(
            "git is not installed", "Install git: a bundle is made from a git commit."
        )
    try:
        top, prefix = git(root, "rev-parse", "--show-toplevel", "--show-prefix").split("\n")[:2]
    except BundleError as error:
        if "not a git repository" not in error.message:
            raise  # for example, the folder belongs to another user
        top = prefix = ""
    if not top:
        raise BundleError(
            f"{root} is not in a git repository",
            "A bundle is made from a commit: git init, git add, git commit.",
        )
    return Path(top), prefix


def _resolve(root: Path, rev: str) -> str:
    words = ("--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    sha = git(root, "rev-parse", *words, fail=False).strip()
    if sha:
        return sha
    if rev == "HEAD":
        hint = "Commit the project: git add . && git commit."
        raise BundleError("the repository has no commits yet", hint)
    hint = "See `git log --oneline`, or fetch it first."
    raise BundleError(f"{rev!r} is not a commit of this repository", hint)


def validate_clean(modified: Sequence[str]) -> None:
    """Raise :class:`Problems` if tracked files are modified."""
    if modified:
        more = [f"and {len(modified) - _SHOWN} more"] if len(modified) > _SHOWN else []
        raise Problems(
            "the working copy differs from the last commit:",
            [*modified[:_SHOWN], *more],
            "Commit or stash these changes, or name a commit with --rev HEAD.",
        )


def working_changes(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the modified tracked files and the untracked files of the project's folder."""
    words = ("--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames", "--", ".")
    rows = [row for row in git(root, "status", *words).split("\0") if row]
    modified = [row[3:] for row in rows if not row.startswith("??")]
    return modified, tuple(row[3:] for row in rows if row.startswith("??"))


def copy_changed(top: Path, target: Path, changed: Sequence[str]) -> None:
    """Copy the changed tracked files of the working copy ``top`` into an export of its commit."""
    for path in changed:
        source, copy = top / path, target / path
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
        elif copy.is_file():
            copy.unlink()


def why_not_committed(top: Path, sha: str, path: str) -> tuple[str, str]:
    """Return why a commit does not have a file of the working copy, and what to do about it."""
    name = shlex.quote(path)
    if git(top, "ls-files", "--", path, fail=False):
        return f"commit {sha[:12]} does not have it", "Name a later commit with --rev."
    rule = git(top, "check-ignore", "-v", "--", path, fail=False)
    if match := re.match(r"(.+?:[0-9]+):", rule):
        hint = f"Remove the pattern that ignores it, and commit it: git add {name} && git commit"
        return f"git ignores it ({match[1]})", hint
    return "git does not track it", f"Commit it: git add {name} && git commit"


def git(folder: Path, *arguments: str, fail: bool = True) -> str:
    """Run git in ``folder`` and return its output.

    If git fails, raise :class:`BundleError`, or return an empty string without ``fail``.
    """
    words = ["git", "-c", STREAMED, *arguments]
    done = subprocess.run(words, cwd=folder, capture_output=True, env=git_environment())
    if done.returncode and fail:
        text = done.stderr.decode("utf-8", "replace").strip()
        raise BundleError(f"git {arguments[0]} failed: {text or done.returncode}")
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape")


def git_environment() -> dict[str, str]:
    """Return the environment variables for git.

    They set a fixed locale and time zone, turn prompts, lock files and replaced objects off, and
    leave out the variables that git sets for a hook.
    """
    env = {key: value for key, value in os.environ.items() if key not in _OF_HOOKS}
    return {
        **env,
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }


def some(names: Sequence[str]) -> str:
    """Return the first five names, and how many more there are.

    >>> some(["a", "b"])
    'a, b'
    """
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
