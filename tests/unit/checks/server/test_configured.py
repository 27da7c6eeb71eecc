"""Checks of the host's configuration and of what runs with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import override_settings

from django_deploykit.checks.server import configured, host
from django_deploykit.checks.server.configured import processes_in
from django_deploykit.conf import Config
from tests.unit.checks.cases import run_check


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> Path:
    """Make a Config that reads a shop.ini with this text; returns its path."""
    path = folder / "shop.ini"
    path.write_text(text, encoding="utf-8")
    config = Config("shop", etc=folder, environ={})
    for read, name in (
        (config.str, "SECRET_KEY"),
        (config.str, "SHOP_LINK"),
        (config.str, "SHOP_SENDER"),
    ):
        read(name, default="")
    for module in (configured, host):
        monkeypatch.setattr(module, "configs", lambda: (config,))
    return path


@pytest.mark.parametrize(
    "line",
    [
        "[django]\nsecret_key = change-me\n",
        "[shop]\nlink = https://example.com/\n",
        "[shop]\nlink = <the address>\n",
        "[shop]\nsender = you@example.org\n",
    ],
)
def test_a_placeholder_is_found(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = configure(monkeypatch, tmp_path, line)
    (found,) = run_check("W809", tmp_path)
    assert str(path) in found.message


def test_a_real_value_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[django]\nsecret_key = kT3v0zQm9sXf\n[shop]\nlink = https://shop.example.net.au/\n"
    configure(monkeypatch, tmp_path, text)
    assert run_check("W809", tmp_path) == []


@pytest.fixture
def running(tmp_path: Path) -> Callable[[], subprocess.Popen[bytes]]:
    """A function that starts a program of a release in the test's folder."""
    folder = tmp_path / "releases" / "one" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    return lambda: subprocess.Popen(
        [folder / "python", "-c", "print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_process_older_than_the_configuration_is_found(
    running: Callable[[], subprocess.Popen[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = configure(monkeypatch, tmp_path, "[django]\nsecret_key = kT3v0zQm9sXf\n")
    release = tmp_path / "releases" / "one"
    with running() as process:
        assert process.stdout is not None
        process.stdout.readline()
        (pid, started) = next(processes_in(release / "app"))
        assert pid == process.pid
        os.utime(path, (started - 100, started - 100))
        assert run_check("I807", release) == []
        os.utime(path, (time.time() + 100,) * 2)
        (found,) = run_check("I807", release)
        assert found.message.startswith(f"the process {process.pid} is older than {path}")
        process.communicate(b"\n")
    assert list(processes_in(release)) == []


def test_static_files_newer_than_the_manifest_are_found(tmp_path: Path) -> None:
    assets, root = tmp_path / "assets", tmp_path / "static"
    assets.mkdir()
    root.mkdir()
    (assets / "a.css").write_text("")
    manifest = root / "staticfiles.json"
    site = override_settings(
        INSTALLED_APPS=["django.contrib.staticfiles"],
        STATICFILES_DIRS=[str(assets)],
        STATIC_ROOT=str(root),
        STATIC_URL="/static/",
    )
    with site:
        assert run_check("W604", tmp_path) == []  # E602 reports that there is none
        manifest.write_text("{}")
        assert run_check("W604", tmp_path) == []
        os.utime(manifest, (1, 1))
        (found,) = run_check("W604", tmp_path)
        assert found.message.startswith("a.css is newer than staticfiles.json")
        assert run_check("W604", tmp_path, released=True) == []
