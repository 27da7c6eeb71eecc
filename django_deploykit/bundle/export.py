"""Writing the files of a commit, with the same bytes from every clone on every machine.

git runs in an empty repository that reads the objects of the user's one. So nothing that only the
clone has changes the result: attributes and filters that are not committed, replaced objects,
grafts, branches and tags.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from django_deploykit.bundle import lfs
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.links import materialise_links, targets_outside
from django_deploykit.bundle.source import STREAMED, Commit, git, git_environment, some
from django_deploykit.errors import BundleError, Problems

# Without configuration files, only git's defaults are left to fix.
_SETTINGS = (
    "core.autocrlf=false",
    "core.eol=lf",
    "core.abbrev=12",
    STREAMED,
    "core.packedGitWindowSize=16m",
    "core.packedGitLimit=32m",
    # A machine's keys would decide what export-subst writes about a signature.
    *(f"{program}=false" for program in ("gpg.program", "gpg.ssh.program", "gpg.x509.program")),
)
_GIT = [word for setting in _SETTINGS for word in ("-c", setting)]
_CRYPTED = b"\0GITCRYPT\0"  # the first bytes of a file that git-crypt has encrypted
# Suffixes of files that only the project's own code reads. A build writes them when that runs.
_ASSETS: tuple[str, ...] = (
    ".avif",
    ".css",
    ".eot",
    ".gif",
    ".html",
    ".ico",
    ".jpeg",
    ".jpg",
    ".js",
    ".map",
    ".mjs",
)
_ASSETS += (".mp4", ".otf", ".pdf", ".png", ".svg", ".ttf", ".webm", ".webp", ".woff", ".woff2")
_FEW = 1000  # files that are named to git; more of them cost as much as all


def export(commit: Commit, target: Path) -> tuple[str, ...]:
    """Write the project's files at a commit below ``target``, which stands for the repository.

    Return notes about files that are left out, or are not what a checkout has.
    """
    return bring(commit, [commit.prefix], target)


def export_without_assets(commit: Commit, target: Path) -> None:
    """Write the project's files without assets, if ``content_ids`` identifies them."""
    _archive(commit.top, commit.sha, [commit.prefix], target, _ASSETS)


def complete(exported: Exported, paths: Iterable[str] | None = None) -> None:
    """Write the committed files that are not on disk yet; only those of ``paths`` if it is given."""
    wanted = exported.ids if paths is None else (path for path in paths if path in exported.ids)
    missing = [path for path in wanted if not os.path.lexists(exported.folder / path)]
    commit = exported.commit
    if not missing or commit is None:
        return
    few = len(missing) <= _FEW
    named = [commit.prefix + path for path in missing] if few else [commit.prefix]
    _archive(commit.top, commit.sha, named, exported.top)


def bring(commit: Commit, paths: Sequence[str], target: Path) -> tuple[str, ...]:
    """Write files and folders of the repository, with submodules at their recorded commits.

    A path that the commit does not have is ignored, and so are files that were written before.
    Targets of links are written, too, and links become copies. Return notes.
    """
    notes: tuple[str, ...] = ()
    wanted, brought = set(paths), set[str]()
    while wanted:
        notes += _export(commit.top, commit.sha, sorted(wanted), target)
        brought |= wanted
        wanted = set(targets_outside(target)) - brought
    materialise_links(target)
    return tuple(dict.fromkeys(notes))


def _known(top: Path, sha: str, paths: Sequence[str]) -> list[str]:
    """Return the paths that the commit has. The empty path is the whole repository."""
    rows = [path.rstrip("/") for path in paths]
    return [path for path in rows if not path or git(top, "ls-tree", sha, "--", path, fail=False)]


def _export(top: Path, sha: str, paths: Sequence[str], target: Path) -> tuple[str, ...]:
    known = _known(top, sha, paths)
    notes = _archive(top, sha, known, target) if known else ()
    for path, recorded in _submodules(top, sha, paths):
        repository = top / path
        if (
            not (repository / ".git").exists()
            or git(repository, "cat-file", "-t", recorded, fail=False).strip() != "commit"
        ):
            raise BundleError(
                f"the submodule {path} is not checked out at its recorded commit {recorded[:12]}",
                "Fetch it: git submodule update --init --recursive",
            )
        notes += _export(repository, recorded, [""], target / path)
    return notes


def _submodules(top: Path, sha: str, paths: Sequence[str]) -> list[tuple[str, str]]:
    """Return the path and the recorded commit of each submodule at, below or above ``paths``."""
    if not git(top, "ls-tree", sha, ".gitmodules", fail=False):
        return []
    rows = git(top, "ls-tree", "-r", "-z", "--full-tree", sha).split("\0")
    found = [row.split("\t", 1) for row in rows if row.startswith("160000 ")]
    folders = [path and f"{path.rstrip('/')}/" for path in paths]
    return [
        (path, facts.split()[2])
        for facts, path in found
        if any(f"{path}/".startswith(one) or one.startswith(f"{path}/") for one in folders)
    ]


def _archive(
    top: Path, sha: str, paths: Sequence[str], target: Path, without: Sequence[str] = ()
) -> tuple[str, ...]:
    """Write files of one repository, without those that have certain suffixes.

    They depend only on its commit.
    """
    target.mkdir(parents=True, exist_ok=True)
    with _borrowed(top, sha) as env:
        named, pointers = _extract_all(sha, paths, target, env, without)
        left_out = sorted(_listed(sha, paths, env) - named)
        filtered = _filtered(sha, named, env)
    lfs.replace_pointers(top, pointers, target)
    _refuse_filters(top, target, filtered)
    notes = [f"left out by export-ignore: {some(left_out)}"] if left_out else []
    for name, files in filtered.items():
        notes.append(f"bundled as committed, without the filter {name}: {some(files)}")
    return tuple(notes)


def _extract_all(
    sha: str, paths: Sequence[str], target: Path, env: Mapping[str, str], without: Sequence[str]
) -> tuple[set[str], list[Path]]:
    """Write files of a commit.

    Return their paths in the repository, and the paths of written files that are LFS pointers.
    """
    named: set[str] = set()
    pointers: list[Path] = []
    patterns = [f":(top,literal){path}" for path in _limit(paths)]
    patterns += [f":(top,exclude)*{suffix}" for suffix in without]
    words = ["git", *_GIT, "archive", "--format=tar", sha, "--", *patterns]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, env=env, cwd=env["GIT_DIR"]
        )
        assert process.stdout is not None
        try:
            with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    named.add(member.name)
                    path = os.path.join(target, member.name)
                    new = member.isdir() or not os.path.lexists(path)
                    if new and _extract(tar, member, path):
                        pointers.append(Path(path))
                while process.stdout.read(1 << 16):
                    pass  # git may write padding at the end, and fails on a closed pipe
        except tarfile.TarError:
            process.wait()
        if process.returncode:
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace").strip()
            raise BundleError(f"git archive failed for {sha[:12]}: {text}")
    return named, pointers


def _limit(paths: Sequence[str]) -> Sequence[str]:
    """Return these paths, or none of them if one is the whole repository."""
    return paths if all(paths) else ()


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> bool:
    """Write one member of the archive, never outside of the export.

    Return whether it is a pointer of Git LFS. This runs for every file of a commit.
    """
    if ".." in member.name.split("/") or member.name.startswith("/"):
        raise BundleError(f"the commit has a file named {member.name!r}")
    os.makedirs(path if member.isdir() else os.path.dirname(path), exist_ok=True)
    if member.issym():
        os.symlink(member.linkname, path)
    source = tar.extractfile(member) if member.isfile() else None
    if source is None:
        return False
    with open(path, "wb") as file:
        start = source.read(lfs.LONGEST)
        file.write(start)
        shutil.copyfileobj(source, file)
    os.chmod(path, 0o755 if member.mode & 0o100 else 0o644)
    return member.size < lfs.LONGEST and lfs.is_pointer(start)


@contextmanager
def _borrowed(top: Path, sha: str) -> Iterator[dict[str, str]]:
    """Yield git's environment variables for an empty repository with the same objects."""
    objects = (top / git(top, "rev-parse", "--git-path", "objects").strip()).resolve()
    if git(top, "config", "--get-regexp", r"^remote\..*\.promisor$", fail=False):
        git(top, "archive", "--format=tar", "-o", os.devnull, sha)  # fetches what is missing
    kind = git(top, "rev-parse", "--show-object-format").strip()
    inherited = {key: value for key, value in git_environment().items() if key[:4] != "GIT_"}
    with tempfile.TemporaryDirectory(prefix=".deploykit-") as place:
        env = {
            **inherited,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_DIR": place,
            "GIT_INDEX_FILE": f"{place}/index",
        }
        words = ["git", "init", "-q", "--bare", f"--object-format={kind}", "--template=", place]
        own = {key: value for key, value in env.items() if key != "GIT_DIR"}
        subprocess.run(words, check=True, env=own)
        info = Path(place, "objects", "info")
        info.mkdir(exist_ok=True)
        (info / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        yield env


def _run(env: Mapping[str, str], *words: str, given: str = "") -> list[str]:
    """Run git with the environment of :func:`_borrowed`. Return its answer, split at NUL bytes.

    Raise :class:`BundleError` if git fails. It returns 1 if it finds nothing.
    """
    done = subprocess.run(
        ["git", *_GIT, *words],
        input=os.fsencode(given),
        capture_output=True,
        env=env,
        cwd=env["GIT_DIR"],
    )
    if done.returncode not in (0, 1):
        text = done.stderr.decode("utf-8", "replace").strip()
        raise BundleError(f"git {words[0]} failed: {text or done.returncode}")
    return os.fsdecode(done.stdout).split("\0")


def _listed(sha: str, paths: Sequence[str], env: Mapping[str, str]) -> set[str]:
    """Return the files of a commit at and below ``paths``, without submodules."""
    rows = _run(env, "ls-tree", "-r", "-z", "--full-tree", sha, "--", *_limit(paths))
    return {row.partition("\t")[2] for row in rows if row and not row.startswith("160000 ")}


def _filtered(sha: str, paths: set[str], env: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the paths that committed attributes assign to filters, by the filter's name.

    LFS is left out: its files are replaced.
    """
    if not _run(env, "grep", "-l", "-z", "-w", "filter", sha, "--", "*.gitattributes")[0]:
        return {}
    _run(env, "read-tree", sha)
    words = ("check-attr", "--cached", "--stdin", "-z", "filter")
    rows = _run(env, *words, given="\0".join([*sorted(paths), ""]))
    found: dict[str, list[str]] = {}
    for path, value in zip(rows[::3], rows[2::3], strict=False):
        if value not in ("unspecified", "unset", "set", "lfs"):
            found.setdefault(value, []).append(path)
    return found


def _refuse_filters(top: Path, target: Path, filtered: Mapping[str, list[str]]) -> None:
    """Raise :class:`Problems` for files that a filter changes when they are checked out here."""
    bad = []
    for name, paths in filtered.items():
        configured = (
            git(top, "config", "--get", f"filter.{name}.{kind}", fail=False).strip()
            for kind in ("smudge", "process")
        )
        changes = any(one and one != "cat" for one in configured)
        for path in paths:
            if changes or _starts(target / path, _CRYPTED):
                bad.append(f"{path}: filter={name}")
    if bad:
        raise Problems(
            "a filter changes these files at a checkout, so the commit does not have their content:",
            bad,
            "Commit them as they are, or leave them out of bundles: PATH export-ignore in .gitattributes.",
        )


def _starts(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head
