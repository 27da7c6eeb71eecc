"""Commands after collectstatic: what they find, and what is made independent of time and order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.bundle.after_collectstatic import run_after_collectstatic
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.files import Exported
from django_deploykit.errors import BundleError, Problems
from django_deploykit.progress import Quiet
from django_deploykit.project import Project
from tests.wheels import write_tree

TIME = 1_800_000_000
FILES = {"static/a.css": "a", "static/manifest.json": '{"b": 1, "a": 2}', "shop/x.py": ""}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that runs commands in an export, and returns its folder."""
    folder = write_tree(tmp_path / "export", FILES)
    environment = InstalledEnvironment(tmp_path / "env", (), "any", "", (), (), ())

    def work(*commands: str) -> Path:
        project = Project(
            folder, "shop", folder / "deploykit.ini", after_collectstatic=tuple(commands)
        )
        exported = Exported(tmp_path, folder, folder, frozenset(FILES))
        root = str(folder / "static")
        run_after_collectstatic(project, environment, exported, root, TIME, Quiet())
        return folder

    return work


def test_the_commands_run_in_order_in_the_export(run: Callable[..., Path]) -> None:
    folder = run("cp static/a.css static/b.css", "cat static/*.css >static/all.css")
    assert (folder / "static/all.css").read_text() == "aa"


def test_files_have_the_time_of_the_commit(run: Callable[..., Path]) -> None:
    folder = run("stat -c %Y static/a.css shop/x.py >times.txt")
    assert (folder / "times.txt").read_text() == f"{TIME}\n" * 2


def test_nothing_is_touched_without_commands(run: Callable[..., Path]) -> None:
    folder = run()
    assert os.stat(folder / "static/a.css").st_mtime != TIME


def test_times_and_order_stay_out_of_what_the_commands_wrote(run: Callable[..., Path]) -> None:
    folder = run(
        "gzip -k static/a.css",
        'mkdir static/CACHE static/other && echo \'{"b": 1, "a": [2, 1]}\' >static/CACHE/manifest.json',
        "echo '[2, 1]' >static/other/manifest.json",
    )
    assert (folder / "static/a.css.gz").read_bytes()[4:8] == bytes(4)
    written = (folder / "static/CACHE/manifest.json").read_text()
    assert written == '{\n  "a": [\n    2,\n    1\n  ],\n  "b": 1\n}'
    assert (folder / "static/manifest.json").read_text() == FILES["static/manifest.json"]
    assert (folder / "static/other/manifest.json").read_text() == "[2, 1]\n"


def test_a_command_that_fails_stops_the_build(run: Callable[..., Path]) -> None:
    with pytest.raises(BundleError, match="exit code 3: echo why; exit 3\n  why"):
        run("echo why; exit 3", "touch static/never")


def test_links_that_leave_the_export_are_refused(run: Callable[..., Path]) -> None:
    folder = run("ln -s a.css static/link.css")
    assert not (folder / "static/link.css").is_symlink()
    with pytest.raises(Problems, match="hosts"):
        run("ln -s /etc/hosts static/hosts")
