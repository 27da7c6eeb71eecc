"""The source of a bundle: one clean commit of the project's git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django_deploykit.errors import BundleError, Problems

_SHOWN = 20


@dataclass(frozen=True)
class Commit:
    """A commit of the repository at ``top``; ``prefix`` is the project's folder in it, with ``/``."""

    top: Path
    prefix: str
    sha: str
    time: int  # seconds since the epoch
    tree: str
    tag: str = ""
    branch: str = ""

    @property
    def release_id(self) -> str:
        """The id of a release of this commit: its time in UTC and its short hash."""
        return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(self.time))}-{self.sha[:7]}"


def find_commit(root: Path, rev: str = "") -> tuple[Commit, tuple[str, ...]]:
    """Return the commit to build and the untracked files, which stay behind.

    Without ``rev`` it is HEAD, and modified tracked files are refused with their list.
    """
    top = _repository(root)
    prefix = git(root, "rev-parse", "--show-prefix").strip()
    sha = _resolve(root, rev or "HEAD")
    untracked: tuple[str, ...] = ()
    if not rev:
        modified, untracked = _status(root)
        if modified:
            shown = modified[:_SHOWN]
            more = [f"and {len(modified) - _SHOWN} more"] if len(modified) > _SHOWN else []
            raise Problems(
                "the working copy differs from the last commit:",
                [*shown, *more],
                "Commit or stash these changes, or name a commit with --rev HEAD.",
            )
    when, tree = git(root, "show", "-s", "--format=%ct %T", sha).split()
    tag = git(root, "describe", "--tags", "--exact-match", sha, fail=False).strip()
    branch = (
        git(root, "symbolic-ref", "--short", "-q", "HEAD", fail=False).strip() if not rev else ""
    )
    if not (top / ".git").exists():
        branch = ""
    return Commit(top, prefix, sha, int(when), tree, tag, branch), untracked


def _repository(root: Path) -> Path:
    if shutil.which("git") is None:
        raise BundleError(
            "git is not installed", "A bundle is made from a git commit: install git."
        )
    top = git(root, "rev-parse", "--show-toplevel", fail=False).strip()
    if not top:
        raise BundleError(
            f"{root} is not in a git repository",
            "A bundle is made from a commit: git init, git add, git commit.",
        )
    return Path(top)


def _resolve(root: Path, rev: str) -> str:
    sha = git(
        root,
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{rev}^{{commit}}",
        fail=False,
    ).strip()
    if sha:
        return sha
    if rev == "HEAD":
        raise BundleError(
            "the repository has no commits yet", "Commit the project: git add . && git commit."
        )
    raise BundleError(
        f"{rev!r} is no commit of this repository", "See `git log --oneline`, or fetch it first."
    )


def _status(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the modified tracked and the untracked files of the project's folder."""
    text = git(
        root,
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=normal",
        "--no-renames",
        "--",
        ".",
    )
    rows = [row for row in text.split("\0") if row]
    modified = [row[3:] for row in rows if not row.startswith("??")]
    return modified, tuple(row[3:] for row in rows if row.startswith("??"))


def git(folder: Path, *arguments: str, fail: bool = True) -> str:
    """Run git in ``folder`` and return what it printed; with ``fail`` its failure is an error."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, env=_environment())
    if done.returncode and fail:
        text = done.stderr.decode("utf-8", "replace").strip()
        raise BundleError(
            f"git {arguments[0]} failed: {text.splitlines()[-1] if text else done.returncode}"
        )
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape")


def _environment() -> dict[str, str]:
    """git without the machine's moods: no locale, no prompts, no locks for looking."""
    return {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def export(commit: Commit, target: Path) -> None:
    """Write the commit's files of the project below ``target``, submodules at their recorded commits."""
    _archive(commit.top, commit.sha, commit.prefix, target)
    for path, sha in _submodules(commit.top, commit.sha, commit.prefix):
        repository = commit.top / path
        if (
            not git(repository, "cat-file", "-t", sha, fail=False)
            or not (repository / ".git").exists()
        ):
            raise BundleError(
                f"the submodule {path} is not here at its recorded commit {sha[:12]}",
                "Fetch it: git submodule update --init --recursive",
            )
        inner = target / PurePosixPath(path).relative_to(commit.prefix or ".")
        export(Commit(repository, "", sha, commit.time, ""), inner)
    if not commit.prefix or (target / "manage.py").exists():
        materialise_links(target)


def _archive(top: Path, sha: str, prefix: str, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    name = f"{sha}:{prefix}" if prefix else sha
    process = subprocess.Popen(
        ["git", "-c", "core.autocrlf=false", "archive", "--format=tar", name],
        cwd=top,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    assert process.stdout is not None
    with (
        process,
        tarfile.open(fileobj=process.stdout, mode="r|") as tar,
    ):
        for member in tar:
            _extract(tar, member, target)
    if process.returncode:
        raise BundleError(f"git archive failed for {sha[:12]}")


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write one member of our own archive, never outside ``target``."""
    path = target / member.name
    if ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
        raise BundleError(f"the commit holds a file named {member.name!r}")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif member.issym():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(member.linkname)
    elif member.isfile():
        path.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        assert source is not None
        with path.open("wb") as file:
            shutil.copyfileobj(source, file)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _submodules(top: Path, sha: str, prefix: str) -> list[tuple[str, str]]:
    """Return the submodules of a commit below ``prefix``: path and recorded commit."""
    if not git(top, "ls-tree", sha, ".gitmodules", fail=False):
        return []
    rows = git(top, "ls-tree", "-r", "-z", "--full-tree", sha).split("\0")
    found = [row.split("\t", 1) for row in rows if row.startswith("160000 ")]
    return [(path, facts.split()[2]) for facts, path in found if path.startswith(prefix)]


def materialise_links(root: Path) -> None:
    """Replace links inside the tree by what they point at; refuse those that leave it or lead nowhere."""
    links = sorted(path for path in _walk(root) if path.is_symlink())
    bad = []
    for link in links:
        real = link.resolve()
        if not real.is_relative_to(root.resolve()) or not real.exists():
            bad.append(f"{link.relative_to(root)} -> {os.readlink(link)}")
            continue
        link.unlink()
        if real.is_dir():
            shutil.copytree(real, link, symlinks=False)
        else:
            shutil.copy2(real, link)
    if bad:
        raise Problems(
            "the commit holds links that lead out of it or nowhere:", bad, "Replace them by files."
        )


def _walk(root: Path) -> Sequence[Path]:
    found = []
    for folder, names, files in os.walk(root):
        found += [Path(folder) / name for name in (*names, *files)]
    return found
