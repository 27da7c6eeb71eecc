"""``tox -e package``: builds the distributions of a commit, the same bytes each time, and tries them.

``python -m tests.package FOLDER`` leaves the sdist and the wheel in the folder. They are built from
the files of ``HEAD``, twice, and compared. The wheel is installed into a new environment, and the
demo runs from there.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.projects import ROOT, run


def main() -> None:
    """Build, compare, check, and leave both files in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are written")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("django_deploykit-*"):
        path.unlink()
    with tempfile.TemporaryDirectory() as name:
        first, second = (build(Path(name) / one) for one in ("first", "second-with-a-longer-name"))
        for path in sorted(first.iterdir()):
            if path.read_bytes() != (second / path.name).read_bytes():
                sys.exit(f"{path.name} differs between two builds of the same commit")
            (folder / path.name).write_bytes(path.read_bytes())
            print(f"{path.name}: {path.stat().st_size // 1024} KiB, the same bytes twice")
    files = sorted(folder.glob("django_deploykit-*"))
    print(run(sys.executable, "-m", "twine", "check", "--strict", *files).strip())
    print(run(sys.executable, "-m", "check_wheel_contents", folder).strip())
    # An address to write to would give 10. The project's is that of its issues.
    print(run(sys.executable, "-m", "pyroma", "--min", "8", next(folder.glob("*.tar.gz"))).strip())
    run_demo(next(folder.glob("*.whl")))


def build(folder: Path) -> Path:
    """Build the sdist and the wheel of ``HEAD`` below a folder. Return where they are.

    The wheel is built from the sdist, so that both have the same files.
    """
    source, dist = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    archive = folder / "source.tar"
    run("git", "-C", ROOT, "archive", "--output", archive, "HEAD")
    run("tar", "-xf", archive, "-C", source)
    moment = run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()
    run(
        sys.executable, "-m", "build", "--sdist", "--outdir", dist, source, SOURCE_DATE_EPOCH=moment
    )
    sdist = next(dist.glob("*.tar.gz"))
    sdist.write_bytes(normalized(sdist.read_bytes(), int(moment)))
    run("tar", "-xzf", sdist, "-C", folder)
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        dist,
        unpacked,
        SOURCE_DATE_EPOCH=moment,
    )
    return dist


def normalized(data: bytes, moment: int) -> bytes:
    """Return an sdist with its members in order, and without the times and the owner of its build.

    setuptools writes both of the machine. ``moment`` is in seconds since 1970.
    """
    target = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as source,
        gzip.GzipFile(filename="", fileobj=target, mode="wb", mtime=moment) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as made,
    ):
        for member in sorted(source.getmembers(), key=lambda one: one.name):
            member.mtime, member.pax_headers = moment, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            made.addfile(member, source.extractfile(member) if member.isfile() else None)
    return target.getvalue()


def run_demo(wheel: Path) -> None:
    """Install the wheel into a new environment, and run the demo there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("tests", "testproject"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns(".*"))
        run(sys.executable, "-m", "venv", folder / "venv")
        python = folder / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", f"{wheel}[deploy]")
        env = {**os.environ, "DEPLOYKIT_TEST_WHEEL": str(wheel), "PYTHONPATH": ""}
        subprocess.run([python, "-m", "tests.demo"], cwd=folder, env=env, check=True)


if __name__ == "__main__":
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    main()
