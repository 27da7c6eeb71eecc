"""``uv.lock``: uv is asked once for the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks import uv as uv_reader
from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.uv import read

from .conftest import Uv

LINE = f"django==5.2 --hash=sha256:{'a' * 64}\n"
LOCK = '[[package]]\nname = "part"\nsource = { editable = "parts/one" }\n'


@pytest.fixture
def uv(tool: Uv, monkeypatch: pytest.MonkeyPatch) -> Uv:
    tool.text = LINE
    monkeypatch.setattr(uv_reader, "run_uv", tool)
    return tool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    (folder / "parts" / "one").mkdir(parents=True)
    (folder / "uv.lock").write_text(LOCK)
    for path in (folder, folder / "parts" / "one"):
        (path / "pyproject.toml").write_text("[project]\n")
    return folder


def test_asks_uv_once_for_the_same_files(uv: Uv, folder: Path) -> None:
    first = read(folder, "uv.lock", Wanted())
    assert read(folder, "uv.lock", Wanted()) == first
    assert [one.name for one in first.requirements] == ["django"]
    assert len(uv.asked) == 1


@pytest.mark.parametrize(
    "name", ["uv.lock", "pyproject.toml", "parts/one/pyproject.toml", "uv.toml"]
)
def test_asks_uv_again_if_a_file_changed(uv: Uv, folder: Path, name: str) -> None:
    read(folder, "uv.lock", Wanted())
    with (folder / name).open("a") as file:
        file.write("\n# changed\n")
    read(folder, "uv.lock", Wanted())
    assert len(uv.asked) == 2


def test_asks_uv_again_for_other_extras_and_settings(
    uv: Uv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(folder, "uv.lock", Wanted())
    read(folder, "uv.lock", Wanted(("more",)))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    read(folder, "uv.lock", Wanted())
    assert len(uv.asked) == 3


def test_does_not_cache_text_that_names_the_export(uv: Uv, folder: Path) -> None:
    uv.text = f"--find-links {folder}/parts\n{LINE}"
    read(folder, "uv.lock", Wanted())
    read(folder, "uv.lock", Wanted())
    assert len(uv.asked) == 2


def test_a_workspace_member_is_exported_as_itself(uv: Uv, folder: Path) -> None:
    (folder / "uv.lock").write_text(f'[manifest]\nmembers = ["shop-web", "root"]\n{LOCK}')
    web = folder / "packages" / "web"
    (web / "src").mkdir(parents=True)
    (web / "pyproject.toml").write_text('[project]\nname = "Shop_Web"\n')
    read(folder, "uv.lock", Wanted(project=web / "src"))
    read(folder, "uv.lock", Wanted(project=folder / "packages"))
    assert uv.asked[0][-2:] == ["--package", "shop-web"]
    assert "--package" not in uv.asked[1]


def test_only_the_chosen_groups_come_along(uv: Uv, folder: Path) -> None:
    read(folder, "uv.lock", Wanted(groups=("docs",)))
    assert "--no-default-groups" in uv.asked[0]
    assert uv.asked[0][-2:] == ["--group", "docs"]


def test_indexes_that_the_project_declares_are_looked_in(uv: Uv, folder: Path) -> None:
    urls = ("https://corp.example/simple", "https://pypi.org/simple", "vendor", "../away")
    (folder / "vendor").mkdir()
    packages = "".join(f'[[package]]\nsource = {{ registry = "{one}" }}\n' for one in urls)
    (folder / "uv.lock").write_text(LOCK + packages)
    part = folder / "parts" / "one" / "pyproject.toml"
    part.write_text(
        '[[tool.uv.index]]\nurl = "https://me:x@corp.example/simple/"\nexplicit = true\n'
    )
    options = read(folder, "uv.lock", Wanted()).options
    assert options == ("--extra-index-url https://corp.example/simple", "--find-links vendor")
