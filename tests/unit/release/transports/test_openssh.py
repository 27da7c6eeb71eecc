"""What ssh's configuration says of a host, and the commands that it leads to."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import parse_host
from django_deploykit.release.transports import openssh
from django_deploykit.release.transports.openssh import Destination, read_options, resolve

BASE = {"hostname": ["10.0.0.5"], "port": ["22"], "user": ["deploy"]}


def read(env: dict[str, str] | None = None, **options: list[str]) -> Destination:
    return read_options("web1", {**BASE, **options}, env or {})


def test_tokens_and_variables_are_expanded() -> None:
    found = read(
        {"KEYS": "/my keys"},
        identityfile=["~/.ssh/%r@%h", "${KEYS}/%n", "${NONE}/id", "none"],
        certificatefile=["${KEYS}/a b-cert.pub"],
        userknownhostsfile=["%d/known"],
    )
    assert found.identities == (
        os.path.expanduser("~/.ssh/deploy@10.0.0.5"),
        "/my keys/web1",
        "${NONE}/id",
    )
    assert found.certificates == ("/my keys/a b-cert.pub",)
    assert found.known_hosts == (str(Path.home() / "known"),)


def test_a_proxy_command_stays_as_it_is_but_for_its_tokens() -> None:
    command = 'sh -c "exec $HOME/bin/nc ${VAR} %h %p" | cat # 100%%'
    expected = 'sh -c "exec $HOME/bin/nc ${VAR} 10.0.0.5 22" | cat # 100%'
    assert read({"VAR": "x"}, proxycommand=[command]).proxy_command == expected


def test_names_of_known_hosts_may_have_spaces() -> None:
    found = read(
        userknownhostsfile=["/home/ann/known hosts ~/.ssh/known_hosts2"],
        globalknownhostsfile=["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"],
    )
    assert found.known_hosts == (
        "/home/ann/known hosts",
        os.path.expanduser("~/.ssh/known_hosts2"),
        "/etc/ssh/ssh_known_hosts",
        "/etc/ssh/ssh_known_hosts2",
    )


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
    found = read(proxyjump=["none"], proxycommand=["none"], connecttimeout=["none"])
    assert (found.proxy_command, found.timeout) == ("", 10.0)


def test_jump_hosts_are_reached_by_a_strict_ssh(config: Path) -> None:
    found = read(proxyjump=["ann@gate:2222,ssh://inner"], port=["2222"])
    start, _, end = found.proxy_command.partition(" -J ")
    assert end == "ann@gate:2222 -W '[10.0.0.5]:2222' ssh://inner"
    command, option, file = start.split()
    assert (command, option) == ("ssh", "-F")
    text = Path(file).read_text()
    assert text.startswith("StrictHostKeyChecking yes\n")
    assert text.endswith(f'Include "{config}"\n')


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    monkeypatch.setenv(openssh.CONFIG_VARIABLE, str(path))
    path.write_text(
        "Host web1\n  HostName 10.0.0.5\n  User ann\n  Port 2222\n  IdentityFile /keys/one\n"
    )
    return path


def test_an_alias_is_looked_up(config: Path) -> None:
    found = resolve(parse_host("web1"))
    assert (found.hostname, found.user, found.port) == ("10.0.0.5", "ann", 2222)
    assert found.identities == ("/keys/one",)
    assert found.by_hand() == f"ssh -F {config} web1"


def test_user_and_port_of_the_host_win_over_the_configuration(config: Path) -> None:
    found = resolve(parse_host("deploy@web1:22"))
    assert (found.hostname, found.user, found.port) == ("10.0.0.5", "deploy", 22)
    assert found.by_hand() == f"ssh -F {config} -l deploy -p 22 web1"


def test_a_mistake_in_the_configuration_is_shown(config: Path) -> None:
    config.write_text("Hots web1\n")
    with pytest.raises(DeployKitError, match="line 1") as caught:
        resolve(parse_host("web1"))
    assert caught.value.hint == f"Try: ssh -F {config} -G web1"


def test_openssh_must_be_installed(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DeployKitError, match="OpenSSH's client is needed"):
        resolve(parse_host("web1"))


def test_a_command_that_knows_hosts_keeps_the_tokens_of_a_key() -> None:
    found = read(
        {"TOOLS": "/opt/my tools"}, knownhostscommand=['"${TOOLS}/known" %H "%n %%h" %t --for=%r']
    )
    words = ("/opt/my tools/known", "%H", "web1 %%h", "%t", "--for=deploy")
    assert found.known_hosts_command == words
    with pytest.raises(DeployKitError, match="KnownHostsCommand that cannot be read"):
        read(knownhostscommand=['"/opt/known'])


def test_how_to_connect() -> None:
    found = read(addressfamily=["inet6"], bindaddress=["::1"], revokedhostkeys=["~/revoked keys"])
    assert (found.family, found.bind) == (socket.AF_INET6, "::1")
    assert found.revoked_keys == os.path.expanduser("~/revoked keys")
    assert (read().family, read().bind, read().revoked_keys) == (socket.AF_UNSPEC, "", "")
    assert read(proxycommand=["nc -F %h %p"], proxyusefdpass=["yes"]).proxy_passes
    assert not read(proxyjump=["gate"], proxyusefdpass=["yes"]).proxy_passes


def test_an_interface_is_refused_unless_a_command_connects() -> None:
    with pytest.raises(DeployKitError, match="BindInterface for web1") as caught:
        read(bindinterface=["eth1"])
    assert "BindAddress" in caught.value.hint
    assert read(bindinterface=["eth1"], proxycommand=["nc %h %p"]).proxy_command
