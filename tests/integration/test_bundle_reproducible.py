"""The same commit and lock give the same bytes, wherever and whenever they are built."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

import pytest

from tests.integration.bundling import KEY, Shop
from tests.projects import IDENTITY, ROOT, manage, run, uv, wheel


def built(project: Path, **env: str) -> str:
    """Bundle a project and return the SHA-256 that it reports, which is the file's."""
    done = manage(project, "bundle", "--json", **env)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert hashlib.sha256(Path(facts["path"]).read_bytes()).hexdigest() == facts["sha256"]
    return str(facts["sha256"])


def clone(built_shop: Shop, target: Path, *flags: str) -> Path:
    """Clone the shop as another person would."""
    run("git", "clone", "-q", *flags, f"file://{built_shop.project}", target)
    return target


def test_another_clone_elsewhere_with_other_names_on_another_day(
    built_shop: Shop, tmp_path: Path
) -> None:
    """Another directory, clone, branch, tag, umask, locale, zone and cache, and older files."""
    project = clone(built_shop, tmp_path / "a very other place" / "magasin")
    run("git", "checkout", "-q", "-b", "other", cwd=project)
    run("git", "tag", "v1", cwd=project)
    run("git", "config", "core.autocrlf", "true", cwd=project)
    run("git", "config", "core.abbrev", "20", cwd=project)
    for path in project.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (0, 0), follow_symlinks=False)
    env = {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "7",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "UV_CACHE_DIR": run(uv(), "cache", "dir").strip(),
        "SECRET_KEY": f"never-to-be-seen-in-a-bundle-{KEY}",
        "SOURCE_DATE_EPOCH": "1",
    }
    before = os.umask(0o077)
    try:
        sha256 = built(project, **env)
    finally:
        os.umask(before)
    assert sha256 == built_shop.facts["sha256"]
    data = next((project / ".deploykit/bundles").glob("*.pyz")).read_bytes()
    assert b"never-to-be-seen" not in data


def test_a_shallow_clone_and_another_virtualenv(built_shop: Shop, tmp_path: Path) -> None:
    project = clone(built_shop, tmp_path / "shop", "--depth", "1")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    run(uv(), "pip", "install", "-q", "--python", python, f"{ROOT}[deploy]")
    done = manage(project, "bundle", "--json", python=str(python))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sha256"] == built_shop.facts["sha256"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python for everybody")
def test_another_user(built_shop: Shop, request: pytest.FixtureRequest) -> None:
    folder = Path(tempfile.mkdtemp(prefix="deploykit-test-"))
    request.addfinalizer(lambda: shutil.rmtree(folder))
    folder.chmod(0o755)
    run(uv(), "venv", "-q", "--no-project", "--python", "/usr/bin/python3", folder / "venv")
    python = str(folder / "venv" / "bin" / "python")
    run(uv(), "pip", "install", "-q", "--python", python, f"{wheel()}[deploy]")
    mine, theirs = clone(built_shop, folder / "mine"), clone(built_shop, folder / "theirs")
    done = manage(mine, "bundle", "--json", python=python)
    assert done.returncode == 0, done.stderr
    home = folder / "home"
    home.mkdir()
    run("chown", "-R", "65534:65534", theirs, home)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), **IDENTITY}
    env |= {key: value for key, value in os.environ.items() if key.startswith(("UV_", "PIP_"))}
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    again = subprocess.run(
        [*words, python, "manage.py", "bundle", "--json"],
        cwd=theirs,
        env=env,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["sha256"] == json.loads(done.stdout)["sha256"]


def test_the_order_in_which_a_disk_lists_files_is_not_in_the_manifest_of_static_files(
    built_shop: Shop, tmp_path: Path
) -> None:
    import zipfile

    with zipfile.ZipFile(built_shop.bundle) as bundle:
        layers = {layer["name"]: layer["sha256"] for layer in built_shop.facts["layers"]}
        with (
            bundle.open(f"layers/{layers['static']}.zip") as file,
            zipfile.ZipFile(file) as static,
        ):
            manifest = json.loads(static.read("app/staticfiles/staticfiles.json"))
            names = static.namelist()
    assert list(manifest["paths"]) == sorted(manifest["paths"])
    hashed = f"app/staticfiles/{manifest['paths']['shop/shop.css']}"
    assert {hashed, f"{hashed}.gz"} <= set(names)
