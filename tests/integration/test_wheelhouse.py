"""The wheelhouse of the shop: installed without a network, with the files of all layers."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.disks import small_disk
from tests.docs.markdown import ROOT, blocks
from tests.integration.bundling import KEY, PYTHON, Shop, copy_shop
from tests.projects import manage, run
from tests.waiting import until

PAGE = ROOT / "docs" / "how-to" / "wheelhouse.md"
# No index, whatever pip is configured with; as root, not even a network.
OFFLINE = {"PATH": "/usr/bin:/bin", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
ALONE = ["unshare", "-n"] if os.geteuid() == 0 and shutil.which("unshare") else []


@pytest.fixture(scope="module")
def archive(built_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheelhouse of the shop, made from the layers of its bundle."""
    found = next(one.text for one in blocks(PAGE) if "--format wheelhouse" in one.text)
    words = found.split()[2:]
    project = copy_shop(built_shop, tmp_path_factory.mktemp("wheelhouse"))
    done = manage(project, *words, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["layers"] == built_shop.facts["layers"]
    return Path(project, facts["path"])


def test_the_page_works_without_a_network(archive: Path, built_shop: Shop, tmp_path: Path) -> None:
    venv = tmp_path / "srv" / "shop-1"
    lines = [one.text for one in blocks(PAGE) if one.language == "sh"][1:]
    script = "set -e\n" + "\n".join(lines)
    script = script.replace("dist/shop-*.zip", str(archive)).replace("python3 ", f"{PYTHON} ")
    script = script.replace("/srv/", f"{venv.parent}/")
    venv.parent.mkdir()
    env = {**OFFLINE, "SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/shop.sqlite3"}
    words = [*ALONE, "sh", "-c", script]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.listdir(venv.parent) == [venv.name]
    assert list(iter_differences(venv, built_shop)) == []
    assert list(iter_wrong_records(venv)) == []
    assert (venv / "bin" / "gunicorn").read_text().startswith(f"#!{venv}/bin/python")


def iter_differences(venv: Path, shop: Shop) -> Iterator[str]:
    """Yield the files of layers that the virtualenv does not have as they are.

    pip makes the scripts of entry points and RECORD itself, and compiles.
    """
    site = next((venv / "lib").glob("python3*")) / "site-packages"
    with zipfile.ZipFile(shop.bundle) as bundle:
        for layer in shop.facts["layers"]:
            for path, mode, _, sha256 in json.loads(bundle.read(f"layers/{layer['sha256']}.json")):
                if path.startswith("bin/") or path.endswith((".dist-info/RECORD", ".pyc")):
                    continue
                own = path.startswith("app/")
                found = site / "shop_bundle" / path if own else venv / path
                if hashlib.sha256(found.read_bytes()).hexdigest() != sha256:
                    yield f"{path} has another content"
                if bool(found.stat().st_mode & 0o100) != (mode == 0o755):
                    yield f"{path} has another mode"


def iter_wrong_records(venv: Path) -> Iterator[str]:
    """Yield the files whose digest in RECORD is wrong."""
    for record in venv.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        for path, digest, _ in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            data = (record.parent.parent / path).read_bytes()
            raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            if digest and digest != f"sha256={raw}":
                yield f"{record.parent.name}: {path}"


def test_an_interruption_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "srv"
    target.mkdir()
    words = [PYTHON, str(archive), str(target / "shop")]
    process = subprocess.Popen(words, env=OFFLINE, stderr=subprocess.PIPE, text=True)
    until(lambda: any(target.glob(".shop-installing-*/venv/bin")))
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert (process.returncode, said) == (130, "interrupted; nothing was changed\n")
    assert os.listdir(target) == []


def test_a_full_disk_and_a_killed_installer_leave_nothing_that_stays(
    archive: Path, tmp_path: Path
) -> None:
    """The files of pip itself, which the installer does not count, do not fit any more."""
    with zipfile.ZipFile(archive) as file:
        layers = json.loads(file.read("manifest.json"))["layers"]
    counted = sum(one["files"] for one in layers)
    words = [PYTHON, str(archive), str(tmp_path / "srv" / "shop")]
    with small_disk(tmp_path / "srv", f"nr_inodes={counted + 50}") as disk:
        done = subprocess.run(words, env=OFFLINE, capture_output=True, text=True)
        assert done.returncode == 1
        assert "nothing was changed" in done.stderr
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr.splitlines()[0]
        assert os.listdir(disk) == []
        run("mount", "-o", "remount,nr_inodes=0", disk)
        process = subprocess.Popen(words, env=OFFLINE, stdout=subprocess.DEVNULL)
        until(lambda: any(disk.glob(".shop-installing-*/venv/bin")))
        process.kill()
        process.wait()
        for one in working_in(disk):
            os.kill(one, signal.SIGKILL)
        until(lambda: not working_in(disk))
        assert [path.name[:17] for path in disk.iterdir()] == [".shop-installing-"]
        again = subprocess.run(words, env=OFFLINE, capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert os.listdir(disk) == ["shop"]


def working_in(folder: Path) -> list[int]:
    """Return the processes whose current folder is below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it has ended
            if path.readlink().is_relative_to(folder):
                found.append(int(path.parent.name))
    return found
