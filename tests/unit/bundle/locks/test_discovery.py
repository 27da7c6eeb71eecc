from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.locks import discovery
from django_deploykit.bundle.locks.base import Lock, Requirement
from django_deploykit.bundle.locks.discovery import read_lock, settled
from django_deploykit.project import Project

LINE = f"django==5.2 --hash=sha256:{'a' * 64}\n"
LOCK = '[[package]]\nname = "part"\nsource = { editable = "parts/one" }\n'


class Uv:
    """Stands for uv: says one text, and counts how often it was asked."""

    def __init__(self) -> None:
        self.text = LINE
        self.asked: list[list[str]] = []

    def __call__(self, arguments: Sequence[str], folder: Path, what: str) -> str:
        self.asked.append(list(arguments))
        return self.text


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uv:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    fake = Uv()
    monkeypatch.setattr(discovery, "run_uv", fake)
    return fake


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "one"
    (folder / "parts" / "one").mkdir(parents=True)
    (folder / "uv.lock").write_text(LOCK)
    for path in (folder, folder / "parts" / "one"):
        (path / "pyproject.toml").write_text("[project]\n")
    return Project(folder, "shop", folder / "deploykit.ini")


def read(project: Project) -> tuple[Requirement, ...]:
    return read_lock(project, project.root, "uv.lock").requirements


def test_asks_uv_once_for_the_same_files(uv: Uv, project: Project) -> None:
    first = read(project)
    assert read(project) == first
    assert [one.name for one in first] == ["django"]
    assert len(uv.asked) == 1


@pytest.mark.parametrize(
    "name", ["uv.lock", "pyproject.toml", "parts/one/pyproject.toml", "uv.toml"]
)
def test_asks_uv_again_where_a_file_changed(uv: Uv, project: Project, name: str) -> None:
    read(project)
    with (project.root / name).open("a") as file:
        file.write("\n# changed\n")
    read(project)
    assert len(uv.asked) == 2


def test_asks_uv_again_for_other_extras_and_settings(
    uv: Uv, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(project)
    read(replace(project, extras=("more",)))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    read(project)
    assert len(uv.asked) == 3


def test_keeps_no_words_that_name_the_export(uv: Uv, project: Project) -> None:
    uv.text = f"--find-links {project.root}/parts\n{LINE}"
    read(project)
    read(project)
    assert len(uv.asked) == 2


def test_judges_the_markers_of_a_lock_once(uv: Uv, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (
        Requirement('tiny==1 ; python_full_version < "3.11.3"', ("sha256:1",), "r.txt:1"),
        Requirement('tiny==2 ; python_full_version >= "3.11.3"', ("sha256:2",), "r.txt:2"),
        Requirement('other==1 ; python_full_version < "3.11.3"', ("sha256:3",), "r.txt:3"),
    )
    lock = Lock("r.txt", rows, ("--no-index",))
    first = settled(lock, "3.11", "linux-x86_64")
    monkeypatch.setattr(discovery, "settle", lambda *_: pytest.fail("judged again"))
    assert settled(lock, "3.11", "linux-x86_64") == first
    assert first[0].requirements[2].text == "other==1"
    assert len(first[1]) == 2
    with pytest.raises(pytest.fail.Exception):
        settled(lock, "3.12", "linux-x86_64")
    with pytest.raises(pytest.fail.Exception):
        settled(replace(lock, requirements=rows[:2]), "3.11", "linux-x86_64")
