"""The pieces of the daemon of the environment ``local``; test_local runs it."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors import local_daemon


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Socket paths are limited, so the folder of sockets stays outside of a long path."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def site_in(folder: Path, listen: str) -> Site:
    site = Site("my-shop", folder / "srv", folder / "etc", folder / "var", "plain", listen)
    site.root.mkdir(exist_ok=True)
    (site.root / "site.json").write_text(site.dumps())
    return site


def test_the_folder_of_sockets_is_private_and_has_a_short_path(tmp_path: Path) -> None:
    folder = local_daemon.run_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert local_daemon.run_folder(tmp_path) == folder
    assert local_daemon.run_folder(tmp_path / "other") != folder
    assert (
        len(str(local_daemon.probe_path(Path("/tmp/deploykit-1000/123456789012"), "2" * 56))) < 108
    )
    folder.chmod(0o755)
    with pytest.raises(DeployKitError, match="belongs to another user"):
        local_daemon.run_folder(tmp_path)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "{folder}/x.sock"])
def test_it_listens_on_addresses_and_paths(tmp_path: Path, address: str) -> None:
    with local_daemon.listener(address.format(folder=tmp_path)) as sock:
        family = {"1": socket.AF_INET, "[": socket.AF_INET6}.get(address[0], socket.AF_UNIX)
        with socket.socket(family) as client:
            client.connect(sock.getsockname())


def test_an_address_in_use_is_explained() -> None:
    with local_daemon.listener("127.0.0.1:0") as sock:
        port = sock.getsockname()[1]
        with pytest.raises(DeployKitError, match="is in use by another program"):
            local_daemon.listener(f"127.0.0.1:{port}")


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(DeployKitError, match=r"cannot listen on 192\.0\.2\.1:80"):
        local_daemon.listener("192.0.2.1:80")


def test_processes_get_few_variables_of_the_shell(tmp_path: Path) -> None:
    env = {"PATH": "/bin", "LC_TIME": "C", "DATABASE_URL": "x", "DEBUG": "1", "HOME": "/root"}
    assert local_daemon.passed_environment(env) == {"PATH": "/bin", "LC_TIME": "C", "HOME": "/root"}
    found = local_daemon.environment(site_in(tmp_path, "127.0.0.1:0"))
    assert found["MY_SHOP_CONFIG"] == str(tmp_path / "etc" / "my-shop.ini")
    assert found["STATE_DIRECTORY"] == str(tmp_path / "var")


def test_only_a_long_log_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    local_daemon.rotate(path, 3)
    path.write_text("abc")
    local_daemon.rotate(path, 3)
    assert os.listdir(tmp_path) == ["web.log"]
    path.write_text("abcd")
    local_daemon.rotate(path, 3)
    assert os.listdir(tmp_path) == ["web.log.1"]


def test_a_start_that_fails_is_one_line_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_daemon.listener("127.0.0.1:0") as sock:
        site = site_in(tmp_path, f"127.0.0.1:{sock.getsockname()[1]}")
        assert local_daemon.main(str(site.root)) == 1
    answer = json.loads(capsys.readouterr().out)
    assert "is in use" in answer["error"]
    assert "listen" in answer["hint"]
