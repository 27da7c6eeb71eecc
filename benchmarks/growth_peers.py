"""What growth is held against: Capistrano's way with rsync, scp over loopback, a docker build."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import serving, timed
from benchmarks.tools import Place
from tests.ports import claim_port
from tests.sshd import SSHD, Sshd


def capistrano(place: Place, env: Mapping[str, str], number: int) -> float:
    """Return the seconds of a release by rsync: export, collectstatic, a folder with links, a boot.

    The export and its collected files stay from one release to the next, so that collectstatic copies
    what changed; unchanged files of the release are links to those of the release before it.
    """
    root = place.root / "capistrano"
    build, releases = root / "build", root / "releases"
    new, current = releases / str(number), root / "current"
    releases.mkdir(parents=True, exist_ok=True)
    before = current.resolve() if current.exists() else None
    linked = f"--link-dest={before}" if before else ""
    script = (
        f"set -e; mkdir -p {build}; git --work-tree={build} checkout -q -f HEAD -- .; "
        f"(cd {build} && {place.dev} manage.py collectstatic --noinput > /dev/null); "
        f"rsync -a --delete {linked} {build}/ {new}/; "
        f"ln -sfn {new} {current}.new; mv -T {current}.new {current}"
    )
    secret = {"SECRET_KEY": place.env()["SECRET_KEY"]}
    # Its index is its own: the project's would say that nothing is to be written.
    own = {"GIT_INDEX_FILE": str(root / "index"), **secret}
    seconds = timed(("sh", "-c", script), place.project, {**env, **own}).seconds
    argv = (place.dev.parent / "gunicorn", "site_wsgi", "--workers", "2", "--threads", "4")
    port = claim_port()
    words = (*argv, "--bind", f"127.0.0.1:{port}")
    with serving(words, new, {**env, **secret}, port) as booted:
        seconds += booted
    if before:
        shutil.rmtree(before)
    return seconds


def scp(root: Path, path: Path) -> float:
    """Return the seconds of ``scp`` to an sshd on loopback, over a connection that is there already."""
    if SSHD is None:
        raise SystemExit("error: sshd is not installed")
    server = Sshd(root / "sshd", "Subsystem sftp internal-sftp")
    try:
        options = ["-F", str(server.config), "-o", f"ControlPath={root}/control"]
        name = "web"
        subprocess.run(["ssh", *options, "-M", "-f", "-N", name], check=True)
        begun = time.perf_counter()
        subprocess.run(["scp", "-q", *options, path, f"{name}:{root}/copy"], check=True)
        seconds = time.perf_counter() - begun
        subprocess.run(["ssh", *options, "-O", "exit", name], check=True, capture_output=True)
        os.unlink(root / "copy")
        return seconds
    finally:
        server.close()
        shutil.rmtree(root / "sshd")
