"""What tests of the connection share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from django_deploykit.release.transports.openssh import CONFIG_VARIABLE
from tests.unit.release.transports.sshd import SSHD, Sshd


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
