"""A real sshd on loopback, run by the tests' own user, for what only a server can show."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from django_deploykit.project.inventory import parse_host
from django_deploykit.release.transports.login import Login
from django_deploykit.release.transports.openssh import CONFIG_VARIABLE, resolve
from tests.ports import claim_port

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
_PATIENCE = 20.0


def keygen(path: Path, *words: str) -> Path:
    """Make a key without a passphrase."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *words]
    subprocess.run(command, check=True)
    return path


def public(path: Path) -> str:
    """Return the public key beside a private one, without its comment."""
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def sign(authority: Path, key: Path, *words: str) -> Path:
    """Sign a public key; return the certificate."""
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *words, f"{key}.pub"]
    subprocess.run(command, check=True)
    return key.with_name(f"{key.name}-cert.pub")


class Sshd:
    """An sshd with a home folder of its own; ``key`` may log in, ``config`` is what ssh reads."""

    def __init__(self, folder: Path, options: str = "", profile: str = "") -> None:
        """``options`` are lines of sshd_config, ``profile`` what a login shell's .bashrc runs."""
        assert SSHD is not None
        self.folder, self.user = folder, getpass.getuser()
        folder.mkdir(parents=True, exist_ok=True)
        self.home = folder / "home"
        self.home.mkdir()
        self.host_key, self.key = keygen(folder / "host_key"), keygen(folder / "id")
        self.known_hosts, self.config = folder / "known_hosts", folder / "ssh_config"
        (folder / "authorized_keys").write_text(public(self.key) + "\n")
        self.port = claim_port()
        if profile:
            options = f'ForceCommand {profile}; exec sh -c "$SSH_ORIGINAL_COMMAND"\n{options}'
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.host_key}\nStrictModes no\nLogLevel VERBOSE\n"
            f"PidFile none\nUsePAM no\nAuthorizedKeysFile {folder / 'authorized_keys'}\n"
            f"PermitRootLogin yes\nSetEnv HOME={self.home} XDG_CACHE_HOME={self.home}\n{options}\n"
        )
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public(self.host_key)}\n")
        self.write_config()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation needs it
        self.log = folder / "log"
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [str(SSHD), "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.log)],
            stdin=subprocess.DEVNULL,
        )
        end = time.monotonic() + _PATIENCE
        while not self._listens():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def restart(self) -> None:
        """Start it anew, to read its files again."""
        self.close()
        self._start()

    def write_config(self, more: str = "", defaults: str | None = None) -> None:
        """Write what ssh reads for the host ``web``; lines of ``more`` win over what follows."""
        if defaults is None:
            defaults = f"UserKnownHostsFile {self.known_hosts}\n  IdentityFile {self.key}"
        self.config.write_text(
            f"Host web\n  HostName 127.0.0.1\n  Port {self.port}\n  User {self.user}\n"
            f"{more}\nHost *\n  GlobalKnownHostsFile /dev/null\n  {defaults}\n"
        )

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def say(host: str = "web") -> str:
    """Log in to a host, run a command there and return its output."""
    with Login(resolve(parse_host(host))) as login:
        login.open()
        channel = login.transport.open_session()
        channel.exec_command("echo here")
        return bytes(channel.makefile("rb").read()).decode().strip()


@pytest.fixture
def start_sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sshd]]:
    """Return ``start_sshd(options="", profile="")``: a server that ssh's configuration names ``web``."""
    if SSHD is None:
        pytest.skip("OpenSSH's server is not installed: apt-get install openssh-server")
    started: list[Sshd] = []

    def start(options: str = "", profile: str = "") -> Sshd:
        server = Sshd(tmp_path / f"sshd{len(started)}", options, profile)
        started.append(server)
        monkeypatch.setenv(CONFIG_VARIABLE, str(server.config))
        return server

    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield start
    for server in started:
        server.close()


@pytest.fixture
def sshd(start_sshd: Callable[..., Sshd]) -> Sshd:
    """A server as it is by default."""
    return start_sshd()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """Yield the socket of an agent without keys."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    while not path.exists():
        assert process.poll() is None
    yield path
    process.terminate()
    process.wait()
