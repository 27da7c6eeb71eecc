"""The subject of the checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from django_deploykit.checks.subject import Subject, find_root, read_subject, tracked_files
from django_deploykit.errors import Problems
from django_deploykit.project import read_project
from tests.projects import start_repository


def test_reads_the_files_of_the_project(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEPLOYKIT_RELEASE", raising=False)
    write_settings("DEBUG = False\n")
    (project / "Procfile").write_text("web: gunicorn a.wsgi\n")
    (project / "deploykit.ini").write_text("[check]\nserver = asgi\nskip = E401 a demo\n")
    subject = read_subject(read_project(project))
    assert subject.root == project
    assert subject.topology.server == "asgi"
    assert [skip.id for skip in subject.skips] == ["E401"]
    assert subject.command("web") == "gunicorn a.wsgi"
    assert subject.command("worker") == ""
    assert subject.place("DEBUG") == ("own_settings.py", 1)
    assert subject.place("TASKS") == ("", 0)
    assert subject.in_tree


def test_a_mistake_in_the_procfile_is_reported(project: Path) -> None:
    (project / "Procfile").write_text("gunicorn\n")
    with pytest.raises(Problems, match="Procfile:1"):
        read_subject(read_project(project))


def test_the_local_environment_has_no_tls(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_ENVIRONMENT", "local")
    subject = read_subject(read_project(project))
    assert (subject.local, subject.topology.tls) == (True, "none")


def test_a_release_is_not_the_working_copy(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not read_subject(read_project(project), server=True).in_tree
    monkeypatch.setenv("DEPLOYKIT_RELEASE", "20261123T041500-ab12cd3")
    assert not read_subject(read_project(project)).in_tree


def test_git_names_the_files_that_it_tracks(project: Path) -> None:
    assert tracked_files(project) is None
    start_repository(project)
    (project / "new.py").write_text("")
    assert tracked_files(project) == ("manage.py",)
    assert read_subject(read_project(project), server=True).tracked is None


def test_knows_what_is_inside_the_project_and_installed(project: Path) -> None:
    subject = Subject(read_project(project))
    assert subject.inside(project / "media")
    assert not subject.inside(project / ".." / "media")
    with override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"]):
        assert subject.installed("corsheaders", "django.contrib.auth")
        assert not subject.installed("corsheaders")


def test_the_project_is_that_of_the_settings_before_that_of_the_folder(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project / "other"
    other.mkdir()
    (other / "manage.py").write_text("")
    monkeypatch.chdir(other)
    write_settings("DEBUG = False\n")
    assert find_root() == project
    monkeypatch.setattr(settings, "SETTINGS_MODULE", None, raising=False)
    assert find_root() == other
