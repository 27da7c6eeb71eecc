"""Logging in: Fabric's connection with OpenSSH's configuration, keys, certificates and host keys.

Fabric and paramiko alone would add any host's key (AutoAddPolicy) and reach jump hosts in the same
way; here every connection, also to a jump host, is held against known_hosts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import paramiko
from fabric import Config, Connection
from paramiko.agent import AgentSSH
from paramiko.auth_strategy import AuthFailure, AuthSource, AuthStrategy, InMemoryPrivateKey

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.hostkeys import HostKeyError, algorithms, judge, known_keys
from django_deploykit.release.transports.sshconfig import Target, jump_host, resolve

_BANNER = 15.0  # seconds that a server may take to say that it speaks SSH
_LOGIN = 30.0
_CLOSING = 2.0
# Errors reach the user as messages; a project's LOGGING must not print paramiko's view of them too.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class _Agent(AgentSSH):
    """The agent at a socket that the configuration names."""

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
        """End the connection to it."""
        self._close()  # type: ignore[attr-defined]


class _Keys(AuthStrategy):
    """The keys that OpenSSH would try, in its order: the agent's, then the identity files."""

    def __init__(self, target: Target) -> None:
        super().__init__(ssh_config=paramiko.SSHConfig())
        self.target = target
        self.tried: list[str] = []
        self.locked: list[str] = []
        self.agent: _Agent | None = None

    def get_sources(self) -> Iterator[AuthSource]:
        """Yield keys, each with its certificate first where it has one."""
        certificates = self._certificates()
        wanted = {blob for path in self.target.identities if (blob := _public_blob(path))}
        held = self._agent_keys()
        # Those that the configuration names come first: a server ends after a few wrong ones.
        held.sort(key=lambda key: key.asbytes() not in wanted)
        seen = set()
        for key in held:
            if self.target.identities_only and key.asbytes() not in wanted:
                continue
            seen.add(key.asbytes())
            yield from self._sources(key, certificates, f"{key.get_name()} of the agent")
        for path in self.target.identities:
            loaded = self._load(path)
            if loaded is not None and loaded.asbytes() not in seen:
                yield from self._sources(loaded, certificates, path)

    def _sources(
        self, key: Any, certificates: dict[bytes, str], what: str
    ) -> Iterator[InMemoryPrivateKey]:
        path = certificates.get(key.asbytes())
        if path is not None:
            plain = key.public_blob
            with contextlib.suppress(OSError, ValueError, paramiko.SSHException):
                key.load_certificate(path)
                self.tried.append(f"{what} with {path}")
                yield InMemoryPrivateKey(self.target.user, key)
            key.public_blob = plain
        self.tried.append(what)
        yield InMemoryPrivateKey(self.target.user, key)

    def _certificates(self) -> dict[bytes, str]:
        """Return certificates by the key that they are for."""
        found: dict[bytes, str] = {}
        beside = [f"{path}-cert.pub" for path in self.target.identities]
        for path in [*self.target.certificates, *beside]:
            for key in _candidates(self.target.identities, self._agent_keys()):
                blob = key.public_blob
                try:
                    key.load_certificate(path)
                    if _certified(path) == key.asbytes():
                        found.setdefault(key.asbytes(), path)
                except (OSError, ValueError, paramiko.SSHException):
                    continue
                finally:
                    key.public_blob = blob
        return found

    def _agent_keys(self) -> list[Any]:
        if not self.target.agent:
            return []
        if self.agent is None:
            try:
                self.agent = _Agent(self.target.agent)
            except (OSError, paramiko.SSHException):
                return []
        return [key for key in self.agent.get_keys() if "-cert-" not in key.get_name()]

    def _load(self, path: str) -> paramiko.PKey | None:
        if not os.path.exists(path):
            return None
        try:
            return paramiko.PKey.from_path(path)
        except paramiko.PasswordRequiredException:
            self.locked.append(path)
        except TypeError as error:  # what the cryptography library says of an encrypted key
            if "password" not in str(error).lower():
                raise
            self.locked.append(path)
        except (OSError, ValueError, paramiko.SSHException):
            self.tried.append(f"{path} (which cannot be read)")
        return None

    def close(self) -> None:
        """End the connection to the agent."""
        if self.agent is not None:
            self.agent.close()


def _public_blob(path: str) -> bytes:
    """Return the public key that lies beside an identity file, b"" where none does."""
    import base64

    for name in (f"{path}.pub", path):
        try:
            words = Path(name).read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError):
            continue
        if len(words) >= 2 and words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            with contextlib.suppress(ValueError):
                return base64.b64decode(words[1])
    return b""


def _candidates(paths: tuple[str, ...], held: list[Any]) -> Iterator[Any]:
    for path in paths:
        with contextlib.suppress(OSError, ValueError, TypeError, paramiko.SSHException):
            yield paramiko.PKey.from_path(path)
    yield from held


def _certified(path: str) -> bytes:
    """Return the public key that a certificate is for, as a key's own blob."""
    import base64

    kind, text = Path(path).read_text(encoding="ascii").split()[:2]
    message = paramiko.Message(base64.b64decode(text))
    message.get_text()
    message.get_string()  # the nonce
    plain = kind.replace("-cert-v01@openssh.com", "")
    made = paramiko.Message()
    made.add_string(plain)
    for _ in range({"ssh-rsa": 2, "ssh-ed25519": 1}.get(plain, 2)):
        made.add_string(message.get_string())
    return made.asbytes()


class _QuickAck(socket.socket):
    """A TCP connection on which nothing small waits: neither what is sent, nor receipts of what came.

    Of two small messages in a row the second waits for the first one's receipt, and a receipt up to
    40 ms for something to travel with. That is how sshd's answers come. Linux wants to be told again
    each time.
    """

    def recv(self, *arguments: Any) -> bytes:
        data = super().recv(*arguments)
        if data:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


def _without_delay(sock: Any) -> Any:
    """Return what paramiko reads from: TCP without its delays, anything else as it is."""
    if not isinstance(sock, socket.socket) or sock.family == socket.AF_UNIX:
        return sock
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not hasattr(socket, "TCP_QUICKACK"):  # it is Linux's
        return sock
    return _QuickAck(sock.family, sock.type, sock.proto, fileno=sock.detach())


class Login(Connection):  # type: ignore[misc]
    """A Fabric connection to a target; raises :class:`DeployKitError` for what the user can mend."""

    proxy: paramiko.ProxyCommand | None = None

    def __init__(self, target: Target, depth: int = 0) -> None:
        # Fabric's attributes refuse what its class does not declare.
        self._set(target=target, known=known_keys(target.known_hosts, target.key_name))
        super().__init__(
            host=target.hostname,
            user=target.user,
            port=target.port,
            # OpenSSH was asked already; Fabric must not read its configuration once more.
            config=Config(lazy=True, ssh_config=paramiko.SSHConfig()),
            gateway=_gateway(target, depth),
            connect_timeout=int(target.timeout),
        )
        self.client.set_missing_host_key_policy(self._policy())

    def _policy(self) -> paramiko.MissingHostKeyPolicy:
        target, known = self.target, self.known

        class Strict(paramiko.MissingHostKeyPolicy):
            def missing_host_key(self, client: Any, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
                blob = key.get_base64()
                judge(known, key.get_name(), blob, target.key_name, target.known_hosts[0])

        return Strict()

    def _transport(self, sock: Any, **options: Any) -> paramiko.Transport:
        made = paramiko.Transport(_without_delay(sock), **options)
        security = made.get_security_options()
        security.key_types = algorithms(self.known, security.key_types)
        security.ciphers = fastest_first(security.ciphers)
        return made

    def open(self) -> None:
        """Connect, hold the host's key against known_hosts, log in."""
        if self.is_connected:
            return
        keys = _Keys(self.target)
        self.connect_kwargs = {
            "auth_strategy": keys,
            "transport_factory": self._transport,
            "banner_timeout": _BANNER,
            "auth_timeout": _LOGIN,
            "channel_timeout": _LOGIN,
        }
        try:
            super().open()
        except BaseException as error:
            self.client.close()
            told = self._told(error, keys)
            self.close()
            raise told from error
        finally:
            keys.close()

    def open_gateway(self) -> Any:
        """Return what the connection runs through: a command, or a jump host."""
        if isinstance(self.gateway, str):
            self._set(proxy=paramiko.ProxyCommand(self.gateway))
            return self.proxy
        try:
            return super().open_gateway()
        except paramiko.ChannelException as error:
            raise LostError(
                f"the jump host {self.gateway.target.name} cannot reach it: {error}"
            ) from error

    def close(self) -> None:
        """End the connection, and that to its jump host."""
        transport = self.transport
        super().close()
        if self.proxy is not None and transport is not None:
            transport.join(_CLOSING)  # its thread ends the command, too
        if isinstance(self.gateway, Login):
            self.gateway.close()
        if self.proxy is not None:
            _end(self.proxy)
            self._set(proxy=None)

    def _told(self, error: BaseException, keys: _Keys) -> BaseException:
        target = self.target
        if isinstance(error, HostKeyError) or not isinstance(error, Exception):
            return error
        if isinstance(error, DeployKitError):
            return error
        if isinstance(error, (AuthFailure, paramiko.AuthenticationException)):
            tried = ", ".join(keys.tried) or "no key was found"
            hint = "".join(f"Unlock it: ssh-add {path}\n" for path in keys.locked)
            return DeployKitError(
                f"it does not let {target.user} in; tried: {tried}",
                f"{hint}Try by hand: {target.command}. On a new host --setup makes the deploy user; "
                "it connects as somebody else with --user.",
            )
        what = _reason(error)
        return LostError(
            f"it cannot be reached at {target.hostname}:{target.port}: {what}",
            f"Try by hand: {target.command}",
        )


def fastest_first(ciphers: Sequence[str]) -> tuple[str, ...]:
    """Return ciphers with those first that need no digest beside them: half the work for a byte.

    >>> fastest_first(["aes128-ctr", "aes128-gcm@openssh.com", "aes256-ctr"])
    ('aes128-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr')
    """
    return tuple(sorted(ciphers, key=lambda name: "-gcm@" not in name))


def _end(proxy: paramiko.ProxyCommand) -> None:
    """End a ProxyCommand; paramiko leaves its process and its pipes behind."""
    process = proxy.process
    try:
        process.communicate(timeout=_CLOSING)
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.wait()


def _gateway(target: Target, depth: int) -> Any:
    if target.proxy_command:
        return target.proxy_command
    if not target.jumps:
        return None
    if depth > len(target.jumps) + 7:
        raise DeployKitError(f"the jump hosts of {target.name} go round in circles")
    made: Login | None = None
    for jump in target.jumps:
        hop = Login(resolve(jump_host(jump)), depth + 1)
        if made is not None:
            hop.gateway = made
        made = hop
    return made


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such name"
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return "; ".join(
            dict.fromkeys(getattr(one, "strerror", "") or str(one) for one in error.errors.values())
        )
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
