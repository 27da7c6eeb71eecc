"""What ssh's configuration says of a host."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import parse_host
from django_deploykit.release.transports import sshconfig
from django_deploykit.release.transports.sshconfig import Target, jump_host, read_answer, resolve

BASE = {"hostname": ["10.0.0.5"], "port": ["22"], "user": ["deploy"]}


def read(env: dict[str, str] | None = None, **found: list[str]) -> Target:
    return read_answer("web1", {**BASE, **found}, env or {})


def test_tokens_are_filled_in() -> None:
    target = read(
        identityfile=["~/.ssh/%r@%h"],
        proxycommand=["nc %h %p # 100%%"],
        userknownhostsfile=["%d/known"],
    )
    assert target.identities == (os.path.expanduser("~/.ssh/deploy@10.0.0.5"),)
    assert target.proxy_command == "nc 10.0.0.5 22 # 100%"
    assert target.known_hosts[0] == str(Path.home() / "known")


def test_a_key_is_known_by_name_and_port() -> None:
    assert read().key_name == "10.0.0.5"
    assert read(port=["2222"]).key_name == "[10.0.0.5]:2222"
    assert read(port=["2222"], hostkeyalias=["web"]).key_name == "web"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, "/run/agent"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("none", ""),
        ("/other", "/other"),
        ("$MINE", "/mine"),
        ("${MINE}", "/mine"),
    ],
)
def test_the_agent_that_is_named(said: str | None, expected: str) -> None:
    env = {"SSH_AUTH_SOCK": "/run/agent", "MINE": "/mine"}
    found = {} if said is None else {"identityagent": [said]}
    assert read(env, **found).agent == expected


def test_none_is_nothing() -> None:
    target = read(proxyjump=["none"], proxycommand=["none"], connecttimeout=["none"])
    assert (target.jumps, target.proxy_command, target.timeout) == ((), "", 10.0)


def test_several_jump_hosts_keep_their_order() -> None:
    target = read(proxyjump=["ann@gate:2222,inner"])
    assert target.jumps == ("ann@gate:2222", "inner")
    hop = jump_host("ssh://ann@gate:2222")
    assert (hop.user, hop.address, hop.port) == ("ann", "gate", 2222)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    monkeypatch.setenv(sshconfig.CONFIG_VARIABLE, str(path))
    path.write_text(
        "Host web1\n  HostName 10.0.0.5\n  User ann\n  Port 2222\n  IdentityFile /keys/one\n"
    )
    return path


@pytest.fixture(params=["openssh", "paramiko"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read as OpenSSH does, and as paramiko does where there is no ssh."""
    if request.param == "paramiko":
        monkeypatch.setenv("PATH", "/nonexistent")
    elif shutil.which("ssh") is None:
        pytest.skip("there is no ssh here")
    return str(request.param)


def test_an_alias_is_looked_up(config: Path, reader: str) -> None:
    target = resolve(parse_host("web1"))
    assert (target.hostname, target.user, target.port) == ("10.0.0.5", "ann", 2222)
    assert target.identities == ("/keys/one",)


def test_what_is_written_counts_before_the_configuration(config: Path, reader: str) -> None:
    target = resolve(parse_host("deploy@web1:22"))
    assert (target.hostname, target.user, target.port) == ("10.0.0.5", "deploy", 22)


def test_a_configuration_with_a_mistake_is_named(config: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here")
    config.write_text("Hots web1\n")
    with pytest.raises(DeployKitError, match="line 1") as caught:
        resolve(parse_host("web1"))
    assert "ssh -G" in caught.value.hint
