"""Projects to test on: git repositories made from ``testproject/`` or by Django itself.

We are on no index, so a project takes us as a wheel in ``vendor/``, locked by its hash.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_BUILT_FROM = (
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "README.md",
    "LICENSE",
)  # besides the package
# Whose commit it is and when: the same in every run, so that release ids are too.
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def uv() -> str:
    """Return the path of uv, which the extra installs."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def run(*argv: str | Path, cwd: Path | None = None, **env: str) -> str:
    """Run a command that must succeed; returns its output."""
    done = subprocess.run(
        [str(one) for one in argv],
        cwd=cwd,
        env={**os.environ, **IDENTITY, **env},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise AssertionError(f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


@functools.lru_cache(maxsize=1)
def wheel() -> Path:
    """Return our own wheel, built once for each content of the sources.

    All workers and environments of tox use the same file: what they bundle then has the same lock
    file, and the build cache has its installed environment. ``DEPLOYKIT_TEST_WHEEL`` names a wheel
    that is used instead.
    """
    given = os.environ.get("DEPLOYKIT_TEST_WHEEL")
    if given:
        return Path(given)
    made = ROOT / ".tox" / "wheels" / _sources_digest()
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=made.parent) as folder:
                # Through the source distribution: build/ beside it may hold modules that are gone.
                # With one moment for all files, so that the same sources give the same bytes.
                options = ("build", "-q", "--out-dir", folder, ROOT)
                run(uv(), *options, SOURCE_DATE_EPOCH="1767225600")
                shutil.copytree(folder, made.with_suffix(".part"), dirs_exist_ok=True)
            made.with_suffix(".part").rename(made)
    found = next(made.glob("*.whl"))
    os.environ["DEPLOYKIT_TEST_WHEEL"] = str(found)
    return found


def _sources_digest() -> str:
    """Return a digest of the files that our wheel is built from."""
    package = (ROOT / "django_deploykit").rglob("*")
    files = [one for one in package if one.is_file() and "__pycache__" not in one.parts]
    digest = hashlib.sha256()
    for path in (*sorted(files), *map(ROOT.joinpath, _BUILT_FROM)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def vendor(project: Path, lock: str = "requirements.txt", ours: Path | None = None) -> None:
    """Put our wheel, or another version of it, into ``vendor/`` and its line into the lock file."""
    (project / "vendor").mkdir(exist_ok=True)
    source = ours or wheel()
    shutil.copy(source, project / "vendor" / source.name)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    with (project / lock).open("a", encoding="utf-8") as file:
        file.write(f"./vendor/{source.name} \\\n    --hash=sha256:{digest}\n")


def commit(
    project: Path, message: str = "Change the shop", when: str = "2026-11-23T04:15:00Z"
) -> str:
    """Commit everything; returns the commit's hash."""
    run("git", "add", "-A", cwd=project)
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    run("git", "commit", "-q", "--allow-empty", "-m", message, cwd=project, **dates)
    return run("git", "rev-parse", "HEAD", cwd=project).strip()


def start_repository(project: Path) -> str:
    """Make a folder a repository of one commit."""
    run("git", "init", "-q", "-b", "main", cwd=project)
    return commit(project, "Open the shop")


def make_shop(folder: Path, port: int = 8000, ours: Path | None = None) -> Path:
    """Copy ``testproject/`` to a repository of its own, locked with our wheel or another one of it."""
    project = folder / "shop"
    shutil.copytree(
        ROOT / "testproject",
        project,
        ignore=shutil.ignore_patterns(
            "__pycache__", ".deploykit", "staticfiles", "*.sqlite3", "vendor"
        ),
    )
    ini = project / "deploykit.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace(":8000", f":{port}"), encoding="utf-8")
    vendor(project, ours=ours)
    start_repository(project)
    return project


def manage(
    project: Path, *argv: str, python: str = sys.executable, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` as a user would; returns what it did, whatever it did."""
    clean = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [python, "manage.py", *argv],
        cwd=project,
        env={**clean, **IDENTITY, **env},
        capture_output=True,
        text=True,
    )
