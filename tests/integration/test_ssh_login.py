"""Logging in to a real sshd on loopback, configured as OpenSSH is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import parse_host
from django_deploykit.release.transports import login
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.hostkeys import HostKeyError
from django_deploykit.release.transports.login import Login
from django_deploykit.release.transports.openssh import resolve
from tests.sshd import Sshd, keygen, public, say, sign
from tests.waiting import until

Start = Callable[..., Sshd]
RELAY = """\
import os, socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def back():
    while data := s.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    s.sendall(data)
"""


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
    relay.write_text(RELAY)
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


def test_a_revoked_authority_in_a_file(certified: Callable[..., Sshd], tmp_path: Path) -> None:
    server = certified()
    (tmp_path / "revoked").write_text(public(tmp_path / "ca") + "\n")
    server.write_config(f"RevokedHostKeys {tmp_path}/revoked")
    with pytest.raises(HostKeyError, match=f"revoked in {tmp_path}/revoked"):
        say()


@pytest.mark.parametrize("binary", [False, True])
def test_a_file_of_revoked_keys(sshd: Sshd, binary: bool) -> None:
    path, other = sshd.folder / "revoked keys", keygen(sshd.folder / "other")

    def revoke(key: Path) -> None:
        if binary:
            subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(path), f"{key}.pub"], check=True)
        else:
            path.write_text(f"# gone\n{public(key)} a comment\n")

    sshd.write_config(f'RevokedHostKeys "{path}"')
    revoke(other)
    assert say() == "here"
    revoke(sshd.host_key)
    with pytest.raises(HostKeyError, match=f"its host key is revoked in {path}"):
        say()
    path.unlink()
    with pytest.raises(HostKeyError, match="cannot be read"):
        say()


def test_a_command_knows_hosts(sshd: Sshd) -> None:
    known, program = sshd.folder / "all", sshd.folder / "known hosts"
    known.write_text(sshd.known_hosts.read_text())
    sshd.known_hosts.write_text("")
    program.write_text(f'#!/bin/sh\necho "$@" >> {sshd.folder}/asked\ncat {known}\n')
    program.chmod(0o755)
    sshd.write_config(f'KnownHostsCommand "{program}" %I %t %H %% %n')
    assert say() == "here"
    asked = (sshd.folder / "asked").read_text().splitlines()
    name = f"[127.0.0.1]:{sshd.port}"
    assert asked == [f"ORDER NONE {name} % web", f"HOSTNAME ssh-ed25519 {name} % web"]
    known.write_text("")
    with pytest.raises(HostKeyError, match="not known"):
        say()
    sshd.known_hosts.write_text(f"{name} {public(sshd.host_key)}\n")
    known.write_text(f"@revoked {name} {public(sshd.host_key)}\n")
    with pytest.raises(HostKeyError, match="revoked"):
        say()
    program.write_text("#!/bin/sh\necho no directory >&2; exit 3\n")
    with pytest.raises(HostKeyError, match="KnownHostsCommand of ssh's configuration ended with 3"):
        say()


PASS_ON = """\
import os, socket, sys
made = socket.create_connection((sys.argv[1], int(sys.argv[2])))
socket.send_fds(socket.socket(fileno=1), [bytes(1)], [made.fileno()])
"""


def test_a_proxy_command_may_pass_a_socket_on(sshd: Sshd) -> None:
    program = sshd.folder / "pass_on.py"
    program.write_text(PASS_ON)
    sshd.write_config(f"ProxyCommand {sys.executable} {program} %h %p\n  ProxyUseFdpass yes")
    assert say() == "here"
    sshd.write_config("ProxyCommand echo no socket here >&2; exit 1\n  ProxyUseFdpass yes")
    with pytest.raises(LostError, match="no socket here"):
        say()


@pytest.mark.parametrize(
    "command",
    ["exit 0", "cat", "exec sleep 60", "/no/such/program %h", "echo SSH-2.0-gone", "exec printf x"],
)
def test_a_host_that_is_dead_behind_a_proxy_command(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(login, "_BANNER", 1.0)
    sshd.write_config(f"ProxyCommand {command}")
    with pytest.raises(LostError, match=r"cannot be reached at 127\.0\.0\.1"):
        say()
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_host_that_dies_behind_a_proxy_command(sshd: Sshd) -> None:
    relay = sshd.folder / "relay.py"
    relay.write_text(RELAY)
    sshd.write_config(f"ProxyCommand python3 {relay} %h %p")
    with Login(resolve(parse_host("web"))) as opened:
        opened.open()
        assert opened.proxy is not None
        opened.proxy._process.kill()
        until(lambda: not opened.is_connected)
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            opened.transport.open_session(timeout=5)


def test_the_family_and_the_own_address_of_a_connection(sshd: Sshd) -> None:
    sshd.write_config("AddressFamily inet\n  BindAddress 127.0.0.9")
    assert say() == "here"
    assert "Connection from 127.0.0.9 " in sshd.log.read_text()
    sshd.write_config("AddressFamily inet6")
    with pytest.raises(LostError, match="cannot be reached"):
        say()
    sshd.write_config("BindInterface lo")
    with pytest.raises(DeployKitError, match="sets BindInterface for web, which"):
        say()


def test_nobody_answers(sshd: Sshd) -> None:
    sshd.close()
    with pytest.raises(LostError, match=r"at 127\.0\.0\.1:\d+: Connection refused"):
        say()
