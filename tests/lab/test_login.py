"""Logging in to a real sshd: configuration, keys, certificates, agents, jump hosts, host keys."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import parse_host
from django_deploykit.release.runtime_archive import RuntimeArchive, runtime_archive
from django_deploykit.release.transports import login
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.hostkeys import HostKeyError
from django_deploykit.release.transports.ssh import Ssh
from django_deploykit.runtime.wire.facts import FACTS, HOLD
from tests.lab.conftest import BootHost
from tests.lab.hosts import Host
from tests.lab.striking import stopped_sshd
from tests.waiting import until

ROOT = Path("/srv/shop")


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost) -> Host:
    return boot_module_host()


class Config:
    """An ssh configuration of this test's own."""

    def __init__(self, folder: Path, host: Host) -> None:
        self.folder, self.host = folder, host
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(host.known_hosts.read_text())
        self.path = folder / "config"
        self.write()

    def write(self, more: str = "", identity: str | None = None) -> None:
        """Write it; what comes first counts."""
        key = f"IdentityFile {self.host.key}" if identity is None else identity
        self.path.write_text(
            f"{more}\nHost *\n  UserKnownHostsFile {self.known_hosts}\n"
            f"  GlobalKnownHostsFile /dev/null\n  {key}\n"
        )


@pytest.fixture
def config(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> Config:
    made = Config(tmp_path, host)
    monkeypatch.setenv("DEPLOYKIT_SSH_CONFIG", str(made.path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return made


def hostname(text: str, *, as_root: bool = False) -> str:
    """Log in to a host as deploykit.ini writes it; return what it calls itself."""
    made = Ssh(parse_host(text), ROOT, runtime_archive(), as_root=as_root)
    try:
        return str(made.call(FACTS).hostname)
    finally:
        made.close()


def keygen(path: Path, *words: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-f", path, *(words or ("-N", ""))], check=True
    )
    return path


def add_key(host: Host, key: Path) -> None:
    host.run("cat >> .ssh/authorized_keys", data=key.with_name(f"{key.name}.pub").read_text())


def test_an_address_with_a_key(config: Config, host: Host) -> None:
    assert hostname(f"root@{host.address}") == host.name


def test_an_alias_with_user_and_port(config: Config, host: Host) -> None:
    config.write(f"Host shop-web\n  HostName {host.address}\n  User root\n  Port 22\n")
    assert hostname("shop-web") == host.name


def test_a_configuration_that_includes_another(config: Config, host: Host) -> None:
    other = config.folder / "other"
    other.write_text(f"Host included\n  HostName {host.address}\n  User root\n")
    config.write(f"Include {other}\n")
    assert hostname("included") == host.name


def test_a_jump_host(config: Config, host: Host) -> None:
    config.write(
        f"Host inner\n  HostName {host.address}\n  ProxyJump root@gate\n"
        f"Host gate\n  HostName {host.address}\n"
    )
    made = Ssh(parse_host("root@inner"), ROOT, runtime_archive())
    try:
        made.call(FACTS)
        # One to the gate, one through it, and the one that counts.
        assert int(host.run(f"ss -Htn src {host.address} sport = :22 | wc -l")) >= 3
    finally:
        made.close()


def test_a_jump_host_s_key_is_checked_too(config: Config, host: Host) -> None:
    config.write(
        f"Host inner\n  HostName {host.address}\n  ProxyJump root@gate\n"
        f"Host gate\n  HostName {host.address}\n  HostKeyAlias the-gate\n"
    )
    with pytest.raises(HostKeyError, match="not known"):
        hostname("root@inner")


def test_a_proxy_command(config: Config, host: Host) -> None:
    relay = (
        'python3 -c "import socket,sys,threading,os;s=socket.create_connection((sys.argv[1],int(sys.argv[2])));'
        "t=threading.Thread(target=lambda:[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')],daemon=True);"
        "t.start();[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')]\" %h %p"
    )
    config.write(f"Host inner\n  HostName {host.address}\n  ProxyCommand {relay}\n")
    assert hostname("root@inner") == host.name


def test_a_certificate(config: Config, host: Host, tmp_path: Path) -> None:
    authority, key = keygen(tmp_path / "ca"), keygen(tmp_path / "id")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "ann", "-n", "root", f"{key}.pub"]
    subprocess.run(sign, check=True)
    moved = (tmp_path / "id-cert.pub").rename(tmp_path / "elsewhere.pub")
    host.run(
        "cat > /etc/ssh/ca.pub; echo TrustedUserCAKeys /etc/ssh/ca.pub"
        " > /etc/ssh/sshd_config.d/ca.conf; systemctl reload ssh",
        data=(tmp_path / "ca.pub").read_text(),
    )
    config.write(identity=f"IdentityFile {key}")
    with pytest.raises(DeployKitError, match="does not let root in"):
        hostname(f"root@{host.address}")
    config.write(identity=f"IdentityFile {key}\n  CertificateFile {moved}")
    assert hostname(f"root@{host.address}") == host.name


def test_an_encrypted_key_needs_the_agent(
    config: Config, host: Host, tmp_path: Path, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = keygen(tmp_path / "plain")
    add_key(host, plain)
    key = tmp_path / "locked"
    key.write_bytes(plain.read_bytes())
    key.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret words", "-f", key], check=True
    )
    config.write(identity=f"IdentityFile {key}")
    with pytest.raises(DeployKitError) as caught:
        hostname(f"root@{host.address}")
    assert f"ssh-add {key}" in caught.value.hint
    env = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", plain], env=env, check=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    assert hostname(f"root@{host.address}") == host.name
    monkeypatch.delenv("SSH_AUTH_SOCK")
    config.write(identity=f"IdentityAgent {agent}\n  IdentityFile /nonexistent")
    assert hostname(f"root@{host.address}") == host.name


def test_an_unknown_host_key_is_refused_with_what_adds_it(config: Config, host: Host) -> None:
    config.known_hosts.write_text("")
    with pytest.raises(HostKeyError, match="not known") as caught:
        hostname(f"root@{host.address}")
    shown = re.search(r"ssh-keygen -lf \S+", caught.value.hint)
    assert shown is not None
    fingerprint = re.search(r"SHA256:\S+", caught.value.message)
    assert fingerprint is not None
    assert fingerprint[0] in host.run("ssh-keygen -lf /etc/ssh/lab_key")
    assert config.known_hosts.read_text() == ""
    subprocess.run(caught.value.hint.splitlines()[-1], shell=True, check=True)
    assert hostname(f"root@{host.address}") == host.name


def test_a_changed_host_key_is_refused_with_what_replaces_it(config: Config, host: Host) -> None:
    other = keygen(config.folder / "other_key").with_name("other_key.pub").read_text()
    config.known_hosts.write_text(f"{host.address} {other}")
    with pytest.raises(HostKeyError, match=r"known_hosts:1") as caught:
        hostname(f"root@{host.address}")
    subprocess.run(caught.value.hint.splitlines()[-1], shell=True, check=True, capture_output=True)
    assert hostname(f"root@{host.address}") == host.name


def test_a_revoked_host_key_is_refused(config: Config, host: Host) -> None:
    known = host.known_hosts.read_text()
    config.known_hosts.write_text(f"{known}@revoked * {known.split(' ', 1)[1]}")
    with pytest.raises(HostKeyError, match="revoked"):
        hostname(f"root@{host.address}")


def test_hashed_names_are_known(config: Config, host: Host) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-H", "-f", config.known_hosts], check=True, capture_output=True
    )
    assert host.address not in config.known_hosts.read_text()
    assert hostname(f"root@{host.address}") == host.name


def test_the_runtime_is_sent_once(config: Config, host: Host) -> None:
    folder = "/root/.cache/django-deploykit/runtime"
    host.run(f"rm -rf {folder}")
    hostname(f"root@{host.address}")
    first = host.run(f"stat -c '%n %i %a' {folder}/*")
    hostname(f"root@{host.address}")
    assert host.run(f"stat -c '%n %i %a' {folder}/*") == first
    assert first.count("\n") == 1
    assert runtime_archive().digest in first
    assert first.endswith(" 600\n")


def test_a_runtime_damaged_on_the_way_is_refused(config: Config, host: Host) -> None:
    class Damaged(RuntimeArchive):
        sha256 = "0" * 64

    bad = Damaged({"__main__.py": b"print('here')"})
    made = Ssh(parse_host(f"root@{host.address}"), ROOT, bad)
    with pytest.raises(DeployKitError, match="cannot be sent"):
        made.call(FACTS)
    made.close()
    assert bad.digest not in host.run("ls -a /root/.cache/django-deploykit/runtime")


def test_sudo_where_the_login_is_not_root(config: Config, host: Host) -> None:
    host.run(
        "id ann >/dev/null 2>&1 || useradd -m -s /bin/bash ann; cp -r .ssh ~ann/; chown -R ann: ~ann/.ssh"
    )
    with pytest.raises(DeployKitError, match="sudo"):
        hostname(f"ann@{host.address}", as_root=True)
    host.run("echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann")
    made = Ssh(parse_host(f"ann@{host.address}"), ROOT, runtime_archive(), as_root=True)
    assert made.call(FACTS).user == "root"
    made.close()


def test_words_arrive_as_they_are(config: Config, host: Host) -> None:
    words = (
        *("a; touch /tmp/pwned", "$(touch /tmp/pwned)", "`touch /tmp/pwned`"),
        *("it's\nmine\n", "-x", "a  b", "*", "ü\t"),
    )
    host.run("mkdir -p /srv/shop")
    made = Ssh(parse_host(f"root@{host.address}"), ROOT, runtime_archive())
    try:
        assert [held_by(made, host, word) for word in words] == list(words)
    finally:
        made.close()
    assert host.try_run("test -e /tmp/pwned").returncode == 1


def held_by(made: Ssh, host: Host, word: str) -> str:
    """Hold the lock as ``word``; return who holds it."""
    seen: list[str] = []
    reader, writer = os.pipe()

    def held(_: object) -> None:
        seen.append(host.run("cat /srv/shop/lock"))
        os.close(writer)

    with os.fdopen(reader, "rb", buffering=0) as stream:
        made.call(HOLD, f"--owner={word}", stream=stream, on_event=held)
    return str(json.loads(seen[0])["owner"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_PULSE", 0.2)
    monkeypatch.setattr(login, "_SILENCE", 3.0)
    monkeypatch.setattr(login, "_BANNER", 2.0)


def test_a_session_that_hangs_is_given_up(config: Config, host: Host, impatient: None) -> None:
    # The oldest session is stopped: let those of other tests end first.
    until(lambda: int(host.run("mkdir -p /srv/shop; pgrep -c -f '^sshd: root@notty'")) == 1)
    made = Ssh(parse_host(f"root@{host.address}"), ROOT, runtime_archive())
    reader, writer = os.pipe()

    def stop(_: object) -> None:
        host.run("kill -STOP $(pgrep -P $(cat /run/sshd.pid) | head -1)")

    try:
        with os.fdopen(reader, "rb", buffering=0) as stream, pytest.raises(LostError):
            made.call(HOLD, stream=stream, on_event=stop)
        host.run("pkill -KILL -o -f 'sshd: root@notty'")
        assert made.call(FACTS).hostname == host.name  # over a new connection
    finally:
        os.close(writer)
        made.close()


def test_an_sshd_that_hangs_is_given_up(config: Config, host: Host, impatient: None) -> None:
    with stopped_sshd(host), pytest.raises(LostError, match="cannot be reached"):
        hostname(f"root@{host.address}")


def test_a_closed_port_is_named(config: Config, host: Host) -> None:
    with pytest.raises(LostError, match=f"{host.address}:2:"):
        hostname(f"root@{host.address}:2")
