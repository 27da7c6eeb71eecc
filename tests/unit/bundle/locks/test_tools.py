"""Exports of lock files by the tools that wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks import tools
from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.tools import Tool, ToolMissingError, export, read_export
from django_deploykit.errors import BundleError

from .conftest import HASH, Uv

TOOL = Tool("made", ("made>=1", "made-export"), ("made.toml",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "web"
    folder.mkdir(parents=True)
    (folder / "made.lock").write_text("lock")
    (folder / "made.toml").write_text("toml")
    (folder / "other.txt").write_text("other")
    return folder


def test_a_tool_runs_apart_with_the_files_that_it_reads(tool: Uv, folder: Path) -> None:
    export(TOOL, folder, "made.lock", ["export"], Wanted())
    assert tool.asked == [
        ["tool", "run", "--quiet", "--from", "made>=1", "--with", "made-export", "made", "export"]
    ]
    assert tool.files == ["made.lock", "made.toml"]


def test_a_tool_is_asked_once_for_the_same_files(tool: Uv, folder: Path) -> None:
    for _ in range(2):
        export(TOOL, folder, "made.lock", ["export"], Wanted())
    assert len(tool.asked) == 1
    (folder / "other.txt").write_text("changed")
    export(TOOL, folder, "made.lock", ["export"], Wanted())
    assert len(tool.asked) == 1
    (folder / "made.toml").write_text("changed")
    export(TOOL, folder, "made.lock", ["export"], Wanted())
    export(TOOL, folder, "made.lock", ["export", "--more"], Wanted())
    assert len(tool.asked) == 3


@pytest.mark.parametrize(
    ("printed", "path"),
    [
        ("file://HERE/libs/a", "./libs/a"),
        ("file://HERE/../libs/a ; x", "../libs/a ; x"),
        ("-e file://ABOVE/libs/a", "-e ../libs/a"),
        ("a @ file:///${PROJECT_ROOT}/libs/a", "a @ ./libs/a"),
    ],
)
def test_paths_are_relative_to_the_lock_file(
    tool: Uv, folder: Path, printed: str, path: str
) -> None:
    tool.text = printed
    assert export(TOOL, folder, "made.lock", [], Wanted(top=folder.parent)) == path


def test_reads_what_a_tool_printed() -> None:
    text = (
        "# a comment\n-i https://corp.example.com/simple\n--trusted-host corp.example.com\n"
        f"django==5.2 ; python_version >= '3.10' \\\n    --hash={HASH}\n"
        "-e .\n-e ./libs/prices\n"
        f"-e git+https://git.example.com/a.git@{'1' * 40}#egg=a ; sys_platform == 'linux'\n"
        f"git+https://git.example.com/b.git@{'2' * 40}#subdirectory=lib&egg=b\n"
    )
    lock = read_export(text, "made.lock", [], ["dev"])
    assert [one.text for one in lock.requirements] == [
        "django==5.2 ; python_version >= '3.10'",
        "./libs/prices",
        f"a @ git+https://git.example.com/a.git@{'1' * 40} ; sys_platform == 'linux'",
        f"b @ git+https://git.example.com/b.git@{'2' * 40}#subdirectory=lib",
    ]
    assert [one.where for one in lock.requirements][:2] == [
        "made.lock: django",
        "made.lock: prices",
    ]
    assert lock.requirements[0].hashes == (HASH,)
    assert lock.options == ()
    assert lock.left_out == ("dev",)


@pytest.mark.parametrize("words", ["No solution found when resolving", "Failed to fetch: x"])
def test_a_tool_that_cannot_be_installed_is_an_error_of_its_own(
    tool: Uv, folder: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def fail(*_: object) -> str:
        raise BundleError(f"reading made.lock failed:\n  {words}")

    monkeypatch.setattr(tools, "run_uv", fail)
    with pytest.raises(ToolMissingError, match="needs made, which could not be installed"):
        export(TOOL, folder, "made.lock", [], Wanted())
    assert tool.asked == []


def test_a_mistake_in_the_lock_file_is_said_as_the_tool_says_it(
    tool: Uv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise BundleError("reading made.lock failed:\n  made.lock is older than made.toml")

    monkeypatch.setattr(tools, "run_uv", fail)
    with pytest.raises(BundleError, match="older than") as found:
        export(TOOL, folder, "made.lock", [], Wanted())
    assert not isinstance(found.value, ToolMissingError)
    assert tool.asked == []
