"""The keys and certificates that log in to a real sshd on loopback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from tests.sshd import Sshd, keygen, say, sign

Start = Callable[..., Sshd]


def test_a_certificate_of_the_user(start_sshd: Start, tmp_path: Path) -> None:
    authority = keygen(tmp_path / "ca")
    server = start_sshd(f"TrustedUserCAKeys {authority}.pub")
    key = keygen(tmp_path / "mine")
    moved = sign(authority, key, "-n", server.user).rename(tmp_path / "elsewhere.pub")
    known = f"UserKnownHostsFile {server.known_hosts}\n  IdentityFile {key}"
    server.write_config(defaults=known)
    with pytest.raises(DeployKitError, match=f"does not let {server.user} in") as caught:
        say()
    assert str(key) in caught.value.message
    server.write_config(defaults=f"{known}\n  CertificateFile {moved}")
    assert say() == "here"


def add(agent: Path, key: Path) -> None:
    env = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
    subprocess.run(["ssh-add", "-q", str(key)], env=env, check=True)


def test_an_encrypted_key_needs_the_agent(sshd: Sshd, agent: Path) -> None:
    add(agent, sshd.key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(sshd.key)], check=True)
    with pytest.raises(DeployKitError) as caught:
        say()
    assert f"ssh-add {sshd.key}" in caught.value.hint
    sshd.write_config(f"IdentityAgent {agent}\n  IdentitiesOnly yes")
    assert say() == "here"


def test_keys_that_are_not_named_are_not_offered(sshd: Sshd, agent: Path) -> None:
    key = sshd.key.rename(sshd.folder / "moved")
    add(agent, key)
    sshd.write_config(f"IdentityAgent {agent}")
    assert say() == "here"
    sshd.key.with_name("id.pub").unlink()
    sshd.write_config(f"IdentityAgent {agent}\n  IdentitiesOnly yes")
    with pytest.raises(DeployKitError, match="no key was found"):
        say()


def test_a_certificate_in_the_agent(start_sshd: Start, agent: Path, tmp_path: Path) -> None:
    authority, key = keygen(tmp_path / "ca"), keygen(tmp_path / "mine")
    server = start_sshd(f"TrustedUserCAKeys {authority}.pub")
    sign(authority, key, "-n", server.user)
    add(agent, key)
    key.unlink()
    key.with_name("mine-cert.pub").unlink()
    server.write_config(f"IdentityAgent {agent}")
    assert say() == "here"
