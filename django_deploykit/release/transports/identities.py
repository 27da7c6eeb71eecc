"""The keys to log in with, in the order in which OpenSSH would try them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.agent import AgentKey, AgentSSH
from paramiko.auth_strategy import AuthSource, AuthStrategy, InMemoryPrivateKey

from django_deploykit.release.transports.hostkeys import public_text, read_certificate
from django_deploykit.release.transports.openssh import Destination

_UNREADABLE = (OSError, ValueError, paramiko.SSHException)


class _Agent(AgentSSH):
    """The agent whose socket the configuration names."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(5)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """End the connection to the agent."""
        self._close()  # type: ignore[attr-defined]


class Identities(AuthStrategy):
    """The agent's keys, then the identity files, each with its certificate first.

    ``tried`` describes the keys that were offered. ``locked`` has the files that need a passphrase.
    """

    def __init__(self, destination: Destination) -> None:
        super().__init__(ssh_config=paramiko.SSHConfig())
        self.destination = destination
        self.tried: list[str] = []
        self.locked: list[str] = []
        self._agent: _Agent | None = None

    def get_sources(self) -> Iterator[AuthSource]:
        """Yield the keys as paramiko's sources."""
        paths = self.destination.identities
        named = {_public_key(path) for path in paths}
        seen = set()
        # Configured keys come first, because a server gives up after a few wrong ones.
        for key in sorted(self._agent_keys(), key=lambda key: key.get_base64() not in named):
            if key.get_base64() in named or not self.destination.identities_only:
                seen.add(key.get_base64())
                yield from self._sources(key, f"{key.get_name()} of the agent")
        for path in paths:
            loaded = self._load(path)
            if loaded is not None and loaded.get_base64() not in seen:
                yield from self._sources(loaded, path)

    def _sources(self, key: paramiko.PKey, what: str) -> Iterator[InMemoryPrivateKey]:
        path = self._certificate(key)
        if path:
            with contextlib.suppress(*_UNREADABLE):
                key.load_certificate(path)
                self.tried.append(f"{what} with {path}")
                yield InMemoryPrivateKey(self.destination.user, key)
        key.public_blob = None
        self.tried.append(what)
        yield InMemoryPrivateKey(self.destination.user, key)

    def _certificate(self, key: paramiko.PKey) -> str:
        """Return the path of a key's certificate, or an empty string if there is none."""
        beside = (f"{path}-cert.pub" for path in self.destination.identities)
        for path in (*self.destination.certificates, *beside):
            with contextlib.suppress(OSError):
                found = read_certificate(Path(path).read_bytes())
                if found and public_text(found.public_key()) == key.get_base64():
                    return path
        return ""

    def _agent_keys(self) -> list[AgentKey]:
        if self.destination.agent and self._agent is None:
            with contextlib.suppress(OSError, paramiko.SSHException):
                self._agent = _Agent(self.destination.agent)
        return list(self._agent.get_keys()) if self._agent else []

    def _load(self, path: str) -> paramiko.PKey | None:
        if not os.path.exists(path):
            return None
        try:
            return paramiko.PKey.from_path(path)
        except paramiko.PasswordRequiredException:
            self.locked.append(path)
        except TypeError as error:  # raised by the cryptography library for an encrypted key
            if "password" not in str(error).lower():
                raise
            self.locked.append(path)
        except _UNREADABLE:
            self.tried.append(f"{path} (which cannot be read)")
        return None

    def close(self) -> None:
        """End the connection to the agent."""
        if self._agent is not None:
            self._agent.close()


def _public_key(path: str) -> str:
    """Return the public key of an identity file in base64, or an empty string if there is none.

    It is in FILE.pub. For a key in an agent, the identity file itself may be the public key.
    """
    for name in (f"{path}.pub", path):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            words = Path(name).read_text(encoding="ascii").split()
            if len(words) > 1 and words[0].startswith(("ssh-", "ecdsa-", "sk-")):
                return words[1]
    return ""
