"""Commands know the project from their arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.management.command import ProjectCommand


class Where(ProjectCommand):
    """Print where the search for the project starts."""

    def handle(self, *_: object, **__: object) -> None:
        self.stdout.write(f"{self.start}\n", ending="")


def test_the_manage_py_that_runs_a_command_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Where().run_from_argv(["src/manage.py", "where"])
    Where().run_from_argv(["/usr/bin/django-admin", "where"])
    assert capsys.readouterr().out == f"{tmp_path}/src\n{tmp_path}\n"


def test_a_called_command_starts_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Where().start == tmp_path
