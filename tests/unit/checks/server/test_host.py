"""Checks of the host's files, its configuration and its user."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from django.test import override_settings

from django_deploykit.checks.server import host
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import Config
from django_deploykit.project import Project
from tests.unit.checks.cases import run_check

Usage = namedtuple("Usage", "total used free")  # as shutil returns it


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, **environ: str) -> Path:
    """Make a Config that reads a shop.ini in the folder; returns its path."""
    path = folder / "shop.ini"
    path.write_text("[django]\nsecret_key = abc\n", encoding="utf-8")
    path.chmod(0o600)
    config = Config("shop", etc=folder, environ=environ)
    config.str("SECRET_KEY")
    monkeypatch.setattr(host, "configs", lambda: (config,))
    return path


@pytest.mark.parametrize("name", ["MEDIA_ROOT", "FILE_UPLOAD_TEMP_DIR"])
def test_folders_for_uploads_must_be_writable(name: str, tmp_path: Path) -> None:
    with override_settings(**{name: str(tmp_path / "new" / "media")}):
        assert run_check("E606", tmp_path) == []
    with override_settings(**{name: "/proc/nothing"}):
        (found,) = run_check("E606", tmp_path)
        assert found.message == f"{name}: this user cannot write to /proc/nothing"


def test_log_files_must_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "site.log"
    log.write_text("")
    handlers = {"good": {"filename": str(log)}, "bad": {"filename": "/proc/nothing/site.log"}}
    # Since Django 6.1 an override of LOGGING takes effect.
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    with override_settings(LOGGING={"version": 1, "handlers": handlers}):
        (found,) = run_check("E714", tmp_path)
    assert found.message == "LOGGING: bad: this user cannot write to /proc/nothing/site.log"


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o620])
def test_configuration_must_be_private(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(monkeypatch, tmp_path)
    assert run_check("E803", tmp_path) == []
    path.chmod(mode)
    (found,) = run_check("E803", tmp_path)
    assert found.message.startswith(f"{path} has the mode {mode:04o}")
    assert found.path == str(path)


def test_the_environment_file_must_be_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(monkeypatch, tmp_path).with_suffix(".env")
    path.write_text("SECRET_KEY=abc\n")
    path.chmod(0o600)
    assert run_check("E803", tmp_path) == []
    path.chmod(0o644)
    (found,) = run_check("E803", tmp_path)
    assert found.path == str(path)


def test_a_site_without_config_has_its_files_below_etc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "configs", lambda: ())
    subject = Subject(Project(tmp_path, "shop", tmp_path / "deploykit.ini"))
    assert host.configuration_files(subject, str(tmp_path)) == []
    folder = tmp_path / "shop"
    (folder / "conf.d").mkdir(parents=True)
    files = [folder / "shop.env", folder / "shop.ini", folder / "conf.d" / "more.ini"]
    for path in files:
        path.write_text("")
    (folder / "other.env").write_text("")
    assert host.configuration_files(subject, str(tmp_path)) == files


def test_configuration_must_be_outside_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(monkeypatch, tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "manage.py").write_text("")
    assert run_check("E804", other) == []
    (tmp_path / "manage.py").write_text("")
    (found,) = run_check("E804", tmp_path)
    assert found.message == f"{path} is inside the release"


def test_an_option_that_the_environment_overrides_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(monkeypatch, tmp_path)
    assert run_check("W808", tmp_path) == []
    configure(monkeypatch, tmp_path, SECRET_KEY="abc")  # the same value
    assert run_check("W808", tmp_path) == []
    configure(monkeypatch, tmp_path, SECRET_KEY="other")
    (found,) = run_check("W808", tmp_path)
    assert str(path) in found.message
    assert "other" not in found.message


@pytest.mark.parametrize(("free", "found"), [(9 << 30, False), (1 << 30, True)])
def test_a_full_disk_is_found(
    free: int, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 30, 0, free))
    assert [one.message for one in run_check("W814", tmp_path)] == (
        [f"{tmp_path}: only 1024 MiB of the disk are free"] if found else []
    )


def test_a_site_that_runs_as_root_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert run_check("W815", tmp_path)
    assert run_check("W815", tmp_path, local=True) == []
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert run_check("W815", tmp_path) == []
