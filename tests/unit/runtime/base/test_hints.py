"""The commands in hints: what this reader has."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base import hints
from django_deploykit.runtime.base.hints import (
    as_root,
    bundle_command,
    by_hand,
    change_option,
    environment,
    exec_command,
    install_command,
    program_hint,
    setup_command,
    sign_command,
    verb_command,
)

BUNDLE = Path("/media/usb/the shop.pyz")


@pytest.fixture(autouse=True)
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be an ordinary user of a host with sudo."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(hints, "has_program", lambda name: name == "sudo")


def test_a_controllers_reader_has_the_project() -> None:
    assert setup_command() == "manage.py release ENVIRONMENT setup"
    assert install_command() == "manage.py release ENVIRONMENT"
    assert exec_command("check") == "manage.py release ENVIRONMENT exec -- check"
    assert "`drain` in deploykit.ini" in change_option("drain", "SECONDS")
    assert sign_command() == "Sign the bundle: manage.py bundle --sign KEY"


def test_a_reader_by_hand_has_the_bundle() -> None:
    with by_hand(BUNDLE):
        assert setup_command() == "sudo '/media/usb/the shop.pyz' deploykit setup"
        assert install_command() == "'/media/usb/the shop.pyz' deploykit install"
        command = "'/media/usb/the shop.pyz' deploykit exec --release ID -- check"
        assert exec_command("check", "ID") == command
        assert change_option("health", "PATH").endswith("deploykit setup --health PATH`")
        assert sign_command().startswith("Ask the people who built this bundle")
    assert verb_command("status") == "./BUNDLE deploykit status"


def test_commands_of_a_release_have_the_same_reader() -> None:
    assert environment() == {}
    with by_hand(Path("/media/usb/shop.pyz")):
        assert environment() == {"DEPLOYKIT_BUNDLE": "/media/usb/shop.pyz"}
        code = "from django_deploykit.runtime.base.hints import *; print(setup_command())"
        env = {**os.environ, **environment()}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.endswith("/media/usb/shop.pyz deploykit setup\n")
    with by_hand(BUNDLE):  # root's helper takes no spaces
        assert environment() == {"DEPLOYKIT_BUNDLE": "BUNDLE"}


def test_a_bundle_is_called_as_it_is_from_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bundle_command(tmp_path / "shop.pyz") == "./shop.pyz"
    assert bundle_command(tmp_path / "my shop.pyz") == "'./my shop.pyz'"
    assert bundle_command(Path("/srv/shop.pyz")) == "/srv/shop.pyz"


def test_root_needs_no_sudo_and_a_host_without_it_is_not_told_to_use_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert as_root("./shop.pyz x") == "sudo ./shop.pyz x"
    monkeypatch.setattr(hints, "has_program", lambda name: False)
    assert shlex.split(as_root("./shop.pyz x")) == ["su", "-c", "./shop.pyz x"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert as_root("./shop.pyz x") == "./shop.pyz x"


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    missing = FileNotFoundError(2, "No such file or directory", "systemctl")
    assert program_hint(missing) == "Install systemctl on this host: sudo apt-get install systemd"
    assert program_hint(FileNotFoundError(2, "No such file or directory", "/etc/x")) == ""
    assert program_hint(PermissionError(13, "Permission denied", "sudo")) == ""


def test_finds_programs_that_only_root_has_in_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    tool = tmp_path / "tool"
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    assert hints.has_program("tool")
    assert not hints.has_program("no-such-tool")
