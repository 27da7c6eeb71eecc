"""Logging in to a real sshd on loopback, configured as OpenSSH is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.hostkeys import HostKeyError
from tests.sshd import Sshd, keygen, public, say, sign

Start = Callable[..., Sshd]


def test_a_host_of_the_configuration(sshd: Sshd) -> None:
    assert say() == "here"


def test_an_unknown_host_key_is_refused_whatever_the_configuration_says(sshd: Sshd) -> None:
    sshd.known_hosts.write_text("")
    weak = "StrictHostKeyChecking no\nNoHostAuthenticationForLocalhost yes\nVerifyHostKeyDNS yes"
    for more in ("", weak, "StrictHostKeyChecking accept-new"):
        sshd.write_config(more)
        with pytest.raises(HostKeyError, match="not known") as caught:
            say()
        assert str(sshd.known_hosts) in caught.value.hint
    assert sshd.known_hosts.read_text() == ""


def test_a_changed_host_key_is_refused(sshd: Sshd) -> None:
    other = public(keygen(sshd.folder / "other"))
    sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    with pytest.raises(HostKeyError, match="known_hosts:1"):
        say()


@pytest.mark.parametrize(
    "command",
    [
        'sh -c "exec {nc} %h %p"',
        "$RELAY %h %p",
        "{nc} %h %p | cat",
        "sh -c 'echo Connecting to %n >&2; exec {nc} %h %p'",
    ],
)
def test_a_proxy_command_is_run_by_a_shell(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    relay = sshd.folder / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def back():\n    while data := s.recv(65536): os.write(1, data)\n    os._exit(0)\n"
        "threading.Thread(target=back, daemon=True).start()\n"
        "while data := os.read(0, 65536): s.sendall(data)\n"
    )
    monkeypatch.setenv("RELAY", f"python3 {relay}")
    sshd.write_config(f"ProxyCommand {command.format(nc=f'python3 {relay}')}")
    assert say() == "here"


def test_the_errors_of_a_proxy_command_are_shown(sshd: Sshd) -> None:
    sshd.write_config("ProxyCommand echo no such instance >&2; exit 3")
    with pytest.raises(LostError, match=r"cannot be reached at 127.0.0.1:\d+: no such instance"):
        say()


def test_jump_hosts(sshd: Sshd, start_sshd: Start) -> None:
    target = start_sshd()
    gate = f"Host gate gate2\n  HostName 127.0.0.1\n  Port {sshd.port}\n  IdentityFile {sshd.key}\n"
    known = target.known_hosts.read_text() + sshd.known_hosts.read_text()
    target.known_hosts.write_text(known)
    for jumps, logins in (("gate", 1), (f"gate,ssh://{sshd.user}@gate2:{sshd.port}", 3)):
        target.write_config(f"ProxyJump {jumps}\n{gate}")
        assert say() == "here"
        assert sshd.log.read_text().count("Accepted publickey") == logins


def test_a_jump_host_s_key_is_checked_whatever_the_configuration_says(
    sshd: Sshd, start_sshd: Start
) -> None:
    target = start_sshd()
    target.write_config(
        f"StrictHostKeyChecking no\n  ProxyJump gate\nHost gate\n  HostName 127.0.0.1\n  Port {sshd.port}\n"
        f"  StrictHostKeyChecking no\n  NoHostAuthenticationForLocalhost yes\n  IdentityFile {sshd.key}\n"
    )
    with pytest.raises(HostKeyError, match="jump host"):
        say()
    assert f":{sshd.port}" not in target.known_hosts.read_text()


def test_files_with_spaces_and_variables_in_their_names(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sshd.folder / "my files"
    folder.mkdir()
    sshd.known_hosts.rename(folder / "known hosts")
    sshd.key.rename(folder / "id")
    monkeypatch.setenv("KEYS", str(folder))
    sshd.write_config(
        defaults=f'UserKnownHostsFile /dev/null "{folder}/known hosts"\n  IdentityFile "${{KEYS}}/id"'
    )
    assert say() == "here"


@pytest.fixture
def certified(start_sshd: Start, tmp_path: Path) -> Callable[..., Sshd]:
    """Return ``certified(*words)``: a server whose known_hosts names the authority of its certificate."""

    def start(*words: str, port: bool = True) -> Sshd:
        authority = keygen(tmp_path / "ca")
        server = start_sshd(f"HostCertificate {tmp_path}/sshd0/host_key-cert.pub")
        sign(authority, server.host_key, "-h", *words)
        server.restart()
        name = f"[127.0.0.1]:{server.port}" if port else "127.0.0.*"
        server.known_hosts.write_text(f"@cert-authority {name} {public(authority)}\n")
        return server

    return start


@pytest.mark.parametrize("port", [True, False])
def test_a_certificate_of_a_known_authority(certified: Callable[..., Sshd], port: bool) -> None:
    certified("-n", "web1.example.com,127.0.0.1", port=port)
    assert say() == "here"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("-n", "web2.example.com"), "is for web2.example.com, not for 127.0.0.1"),
        (("-n", "127.0.0.1", "-V", "20200101:20210101"), "has expired"),
    ],
)
def test_a_certificate_that_does_not_fit(
    certified: Callable[..., Sshd], words: tuple[str, ...], problem: str
) -> None:
    certified(*words)
    with pytest.raises(HostKeyError, match=problem):
        say()


def test_a_certificate_of_an_unknown_authority_is_a_plain_key(
    certified: Callable[..., Sshd], tmp_path: Path
) -> None:
    server = certified("-n", "127.0.0.1")
    other = public(keygen(tmp_path / "other"))
    server.known_hosts.write_text(f"@cert-authority * {other}\n")
    with pytest.raises(HostKeyError, match="not known"):
        say()
    server.known_hosts.write_text(
        f"@cert-authority * {other}\n[127.0.0.1]:{server.port} {public(server.host_key)}\n"
    )
    assert say() == "here"


def test_a_revoked_authority_counts_no_more(certified: Callable[..., Sshd], tmp_path: Path) -> None:
    server = certified("-n", "127.0.0.1")
    server.known_hosts.write_text(
        f"{server.known_hosts.read_text()}@revoked * {public(tmp_path / 'ca')}\n"
    )
    with pytest.raises(HostKeyError):
        say()
