"""The source of a bundle: one clean commit of the project's git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django_deploykit.errors import BundleError, Problems

_SHOWN = 20  # modified files in a message
_STREAMED = "core.bigFileThreshold=4m"  # git reads larger files in pieces
# These settings may differ between clones, and would change the bytes of an archive.
_SETTINGS = (
    "core.autocrlf=false",
    "core.eol=lf",
    "core.abbrev=12",
    f"core.attributesFile={os.devnull}",
    _STREAMED,
    "core.packedGitWindowSize=16m",
    "core.packedGitLimit=32m",
)
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
        modified, untracked = _status(root)
        if modified:
            more = [f"and {len(modified) - _SHOWN} more"] if len(modified) > _SHOWN else []
            raise Problems(
                "the working copy differs from the last commit:",
                [*modified[:_SHOWN], *more],
                "Commit or stash these changes, or name a commit with --rev HEAD.",
            )
    when, tree = git(root, "show", "-s", "--format=%ct %T", sha).split()
    tag = git(root, "describe", "--tags", "--exact-match", sha, fail=False).strip()
    return Commit(top, prefix, sha, int(when), tree, tag), untracked


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


def _status(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the modified tracked files and the untracked files of the project's folder."""
    words = ("--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames", "--", ".")
    rows = [row for row in git(root, "status", *words).split("\0") if row]
    modified = [row[3:] for row in rows if not row.startswith("??")]
    return modified, tuple(row[3:] for row in rows if row.startswith("??"))


def git(folder: Path, *arguments: str, fail: bool = True) -> str:
    """Run git in ``folder`` and return its output.

    If git fails, raise :class:`BundleError`, or return an empty string without ``fail``.
    """
    words = ["git", "-c", _STREAMED, *arguments]
    done = subprocess.run(words, cwd=folder, capture_output=True, env=_environment())
    if done.returncode and fail:
        text = done.stderr.decode("utf-8", "replace").strip()
        raise BundleError(f"git {arguments[0]} failed: {text or done.returncode}")
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape")


def _environment() -> dict[str, str]:
    """Return the environment variables for git.

    They set a fixed locale and time zone, turn prompts and lock files off, and leave out the
    variables that git sets for a hook.
    """
    env = {key: value for key, value in os.environ.items() if key not in _OF_HOOKS}
    return {
        **env,
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def export(commit: Commit, target: Path) -> None:
    """Write the project's files at a commit to ``target``, with submodules at recorded commits."""
    _export(commit.top, commit.sha, commit.prefix, target)
    materialise_links(target)


def _export(top: Path, sha: str, prefix: str, target: Path) -> None:
    _archive(top, sha, prefix, target)
    for path, recorded in _submodules(top, sha, prefix):
        repository = top / path
        if (
            not (repository / ".git").exists()
            or git(repository, "cat-file", "-t", recorded, fail=False).strip() != "commit"
        ):
            raise BundleError(
                f"the submodule {path} is not checked out at its recorded commit {recorded[:12]}",
                "Fetch it: git submodule update --init --recursive",
            )
        _export(repository, recorded, "", target / path.removeprefix(prefix))


def _archive(top: Path, sha: str, prefix: str, target: Path) -> None:
    """Write the files of one repository. They depend only on its commit."""
    target.mkdir(parents=True, exist_ok=True)
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    words = ["git", *settings, "archive", "--format=tar", sha, *([prefix] if prefix else [])]
    with tempfile.TemporaryFile() as errors, _without_refs(top, sha) as env:
        process = subprocess.Popen(words, cwd=top, stdout=subprocess.PIPE, stderr=errors, env=env)
        assert process.stdout is not None
        try:
            with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    if f"{member.name}/".startswith(prefix) and f"{member.name}/" != prefix:
                        member.name = member.name.removeprefix(prefix)
                        _extract(tar, member, target)
                while process.stdout.read(1 << 16):
                    pass  # git may write padding at the end, and fails on a closed pipe
        except tarfile.TarError:
            process.wait()
        if process.returncode:
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace").strip()
            raise BundleError(f"git archive failed for {sha[:12]}: {text}")


@contextmanager
def _without_refs(top: Path, sha: str) -> Iterator[dict[str, str]]:
    """Yield git's environment variables.

    If files use export-subst, the variables select a repository with the same objects but without
    branches and tags. Otherwise clones with other branches or tags would export different bytes.
    """
    env = _environment()
    if not git(top, "grep", "-l", "export-subst", sha, "--", "*.gitattributes", fail=False):
        yield env
        return
    objects = top / git(top, "rev-parse", "--git-path", "objects").strip()
    with tempfile.TemporaryDirectory(prefix=".deploykit-") as place:
        subprocess.run(["git", "init", "-q", "--bare", place], check=True, env=env)
        yield {**env, "GIT_DIR": place, "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects)}


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write one member of the archive, never outside ``target``."""
    path = target / member.name
    if ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
        raise BundleError(f"the commit has a file named {member.name!r}")
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
    """Return the path and the recorded commit of each submodule below ``prefix``."""
    if not git(top, "ls-tree", sha, ".gitmodules", fail=False):
        return []
    rows = git(top, "ls-tree", "-r", "-z", "--full-tree", sha).split("\0")
    found = [row.split("\t", 1) for row in rows if row.startswith("160000 ")]
    return [(path, facts.split()[2]) for facts, path in found if path.startswith(prefix)]


def materialise_links(root: Path) -> None:
    """Replace symbolic links by copies of their targets.

    Raise :class:`Problems` for links that leave ``root``, are broken, or contain themselves.
    """
    top = root.resolve()
    links = sorted(path for path in _walk(root) if path.is_symlink())
    found = [(link, _target(link, top)) for link in links]
    bad = [f"{link.relative_to(root)} -> {os.readlink(link)}" for link, real in found if not real]
    if bad:
        raise Problems(
            "the commit has symbolic links that leave it, are broken, or contain themselves:",
            bad,
            "Replace them by files.",
        )
    # Folders are last, so that links inside them have been replaced before they are copied.
    for link, real in sorted(found, key=lambda pair: (pair[0].is_dir(), pair[0])):
        assert real is not None
        link.unlink()
        if real.is_dir():
            shutil.copytree(real, link, symlinks=False)
        else:
            shutil.copy2(real, link)


def _target(link: Path, top: Path) -> Path | None:
    """Return the target of a link, or None if it cannot be copied in place of the link."""
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    here = link.parent.resolve() / link.name
    inside = real.is_relative_to(top) and not here.is_relative_to(real)
    return real if inside and (real.is_file() or real.is_dir()) else None


def _walk(root: Path) -> Sequence[Path]:
    found = []
    for folder, names, files in os.walk(root):
        found += [Path(folder) / name for name in (*names, *files)]
    return found
