"""The package as it is published: what is in it, and what it does without its extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.projects import ROOT, commit, run, start_repository, uv, wheel

SOURCES = {
    str(path.relative_to(ROOT))
    for path in (ROOT / "django_deploykit").rglob("*")
    if path.suffix == ".py" or path.name == "py.typed"
}


def test_the_wheel_holds_the_package_and_its_licence_alone() -> None:
    with zipfile.ZipFile(wheel()) as archive:
        names = set(archive.namelist())
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        metadata = message_from_bytes(archive.read(f"{info}/METADATA"))
    assert {name for name in names if not name.startswith(info)} == SOURCES
    assert f"{info}/licenses/LICENSE" in names
    assert metadata["Description-Content-Type"] == "text/markdown"
    description = str(metadata.get_payload())
    assert description.startswith("# django-deploykit")
    assert f"]({metadata['Home-page']}/raw/main/docs/_static/release.svg)" in description
    assert f"]({metadata['Home-page']}/blob/main/docs/tutorial.md)" in description
    assert not re.search(r"\]\((?!https://)", description)  # a package index has only this page
    required = [str(one) for one in metadata.get_all("Requires-Dist", [])]
    always = {one.partition(">")[0] for one in required if "extra ==" not in one}
    assert always == {"django", "gunicorn", "python-decouple", "whitenoise"}


def test_the_sdist_holds_what_builds_the_wheel(tmp_path: Path) -> None:
    run(uv(), "build", "-q", "--sdist", "--out-dir", tmp_path, ROOT)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.cfg", "setup.py", *SOURCES} <= names
    assert not [name for name in names if name.startswith(("tests", "docs", "benchmarks"))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of ``startproject`` beside a virtualenv that lacks the extra."""
    folder = tmp_path_factory.mktemp("server")
    run(uv(), "venv", "-q", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(uv(), "pip", "install", "-q", "--python", python, wheel())
    run(folder / "venv" / "bin" / "django-admin", "startproject", "shop", cwd=folder)
    settings = folder / "shop" / "shop" / "settings.py"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'django_deploykit',")
    text += "\nfrom django_deploykit.conf import Config\nDEBUG = Config('shop').bool('DEBUG')\n"
    settings.write_text(text, encoding="utf-8")
    start_repository(folder / "shop")
    return folder


def on_server(server: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python in that project."""
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [str(server / "venv" / "bin" / "python"), *argv],
        cwd=server / "shop",
        env={**env, "DEBUG": "true"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("start", [("manage.py",), ("-m", "django_deploykit")])
@pytest.mark.parametrize(
    "argv",
    [["bundle"], ["release"], ["release", "production"], ["release", "production", "status"]],
)
def test_a_command_without_its_extra_says_so_in_one_line(
    argv: list[str], start: tuple[str, ...], server: Path
) -> None:
    (server / "shop" / "deploykit.ini").write_text(
        "[environment:production]\nhosts = web1.example.com\n", encoding="utf-8"
    )
    commit(server / "shop")
    done = on_server(server, *start, *argv)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {argv[0]} needs ")
    assert done.stderr.endswith(": pip install 'django-deploykit[deploy]'\n")
    assert done.stderr.count("\n") == 1
    assert not (server / "shop" / ".deploykit").exists()


def test_settings_and_checks_need_no_extra(server: Path) -> None:
    done = on_server(server, "manage.py", "deploy_check", "--only", "E101")
    assert (done.returncode, done.stderr) == (1, "")
    assert "deploykit.E101" in done.stdout
    done = on_server(server, "-m", "django_deploykit.conf", "check")
    assert done.returncode == 0, done.stderr
