"""Logs in with a Fabric connection that follows OpenSSH's configuration and checks host keys.

Fabric would otherwise accept and add any host's key (AutoAddPolicy).
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import paramiko
from fabric import Config, Connection
from paramiko.auth_strategy import AuthFailure

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.channels import start_thread
from django_deploykit.release.transports.hostkeys import (
    HostKeyError,
    KnownKey,
    keys_of_command,
    known_keys,
    order_algorithms,
    read_certificate,
    validate_host_key,
)
from django_deploykit.release.transports.identities import Identities
from django_deploykit.release.transports.openssh import Destination

_BANNER = 15.0  # seconds to wait for the server's SSH banner
_LOGIN = 30.0
_CLOSING = 2.0
_PULSE = 5.0  # seconds between keepalive requests, which the host must answer
_SILENCE = 30.0  # seconds without data from the host until the connection counts as lost
# Errors reach the user as messages. A project's LOGGING must not print paramiko's log of them, too.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class _Socket(socket.socket):
    """A socket that records when data last arrived, and that acknowledges data at once.

    Over TCP, the second of two small messages waits until the first is acknowledged, which may take
    40 ms. sshd answers in small messages. Linux resets TCP_QUICKACK, so each read sets it again.
    """

    heard = 0.0

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        self.heard = time.monotonic()
        if data and self.family != socket.AF_UNIX and hasattr(socket, "TCP_QUICKACK"):
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


class _Transport(paramiko.Transport):
    """paramiko's transport, with host key algorithms in the order that known_hosts suggests."""

    def __init__(self, sock: socket.socket, known: Sequence[KnownKey], **options: Any) -> None:
        made = _Socket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        made.heard = time.monotonic()
        if made.family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._certified = any(one.marker == "CA" for one in known)
        super().__init__(made, **options)
        security = self.get_security_options()
        security.key_types = order_algorithms(known, security.key_types)
        security.ciphers = fastest_first(security.ciphers)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Host key algorithms. Certificates come first, but only if an authority is known."""
        plain: tuple[str, ...] = self._filter_algorithm("keys")  # type: ignore[attr-defined]
        certified = tuple(f"{name}-cert-v01@openssh.com" for name in plain if self._certified)
        return certified + plain


class _Proxy:
    """A ProxyCommand, run by the user's shell as in ssh; ``socket`` is its input and output."""

    def __init__(self, command: str) -> None:
        self.socket, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs:
            self._process = subprocess.Popen(
                [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._errors.fileno(),
                start_new_session=True,  # Ctrl-C must reach the host's verbs through it
            )

    def receive(self, seconds: float) -> None:
        """Take the connected socket that a command with ProxyUseFdpass passes on."""
        self.socket.settimeout(seconds)
        with self.socket as passing:
            _, descriptors, _, _ = socket.recv_fds(passing, 1, 1)
            if not descriptors:
                raise ConnectionError("the ProxyCommand passed no connection on")
            self.socket = socket.socket(fileno=descriptors[0])

    def end(self) -> str:
        """Wait until it ends, kill it if that takes too long, and return the errors it printed."""
        self.socket.close()
        try:
            self._process.wait(_CLOSING)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._errors.closed:
            return ""
        with self._errors as file:
            file.seek(0)
            return file.read(1 << 16).decode("utf-8", "replace").strip()


class Login(Connection):  # type: ignore[misc]
    """A Fabric connection that raises :class:`DeployKitError` for what the user can correct."""

    proxy: _Proxy | None = None

    def __init__(self, destination: Destination) -> None:
        # Fabric refuses to set attributes that its class does not declare.
        known = [*known_keys(destination), *keys_of_command(destination)]
        self._set(destination=destination, known=known)
        super().__init__(
            host=destination.hostname,
            user=destination.user,
            port=destination.port,
            # ``ssh -G`` has read OpenSSH's configuration. Fabric must not read it again.
            config=Config(lazy=True, ssh_config=paramiko.SSHConfig()),
            gateway="open_gateway",  # any text: Fabric gets the socket from there
            connect_timeout=int(destination.timeout),
        )
        self.client.set_missing_host_key_policy(self._policy())

    def _policy(self) -> paramiko.MissingHostKeyPolicy:
        destination, known = self.destination, self.known

        class Strict(paramiko.MissingHostKeyPolicy):
            def missing_host_key(self, client: object, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
                sent = key.public_blob  # set if the host sent a certificate
                line = f"{sent.key_type} {b64encode(sent.key_blob).decode()}" if sent else ""
                certificate = read_certificate(line.encode())
                validate_host_key(known, key.get_name(), key.get_base64(), destination, certificate)

        return Strict()

    def open(self) -> None:
        """Connect, check the host's key, log in."""
        if self.is_connected:
            return
        identities = Identities(self.destination)
        self.connect_kwargs = {
            "auth_strategy": identities,
            "transport_factory": lambda sock, **options: _Transport(sock, self.known, **options),
            "banner_timeout": _BANNER,
            "auth_timeout": _LOGIN,
            "channel_timeout": _LOGIN,
        }
        try:
            super().open()
        except BaseException as error:
            self.client.close()
            said = self.proxy.end() if self.proxy is not None else ""
            raise self._explained(error, identities, said) from error
        finally:
            identities.close()
        start_thread(_pulse, self.transport)
        start_thread(_watch, self.transport)

    def open_gateway(self) -> socket.socket:
        """Connect, or start the proxy command; return the socket."""
        destination = self.destination
        if not destination.proxy_command:
            return dial(destination)
        proxy = _Proxy(destination.proxy_command)
        self._set(proxy=proxy)
        if destination.proxy_passes:
            proxy.receive(destination.timeout)
        return proxy.socket

    def close(self) -> None:
        """Close the connection and end its proxy command."""
        transport = self.transport
        super().close()
        if self.proxy is not None:
            if transport is not None:
                transport.join(_CLOSING)
            self.proxy.end()

    def _explained(self, error: BaseException, identities: Identities, said: str) -> BaseException:
        if isinstance(error, DeployKitError) or not isinstance(error, Exception):
            return error
        destination, by_hand = self.destination, self.destination.by_hand()
        if isinstance(error, (AuthFailure, paramiko.AuthenticationException)):
            tried = ", ".join(identities.tried) or "no key was found"
            hint = "".join(f"Unlock it: ssh-add {path}\n" for path in identities.locked)
            return DeployKitError(
                f"it does not let {destination.user} in; tried: {tried}",
                f"{hint}Try by hand: {by_hand}. On a new host, setup makes the deploy user; "
                "it connects as somebody else with --user.",
            )
        if "host key" in said.lower():  # what ssh says about a jump host that it refuses
            return HostKeyError(
                f"the key of a jump host is not known, or not the one in known_hosts: {said}",
                f"Connect by hand and compare fingerprints before you accept it: {by_hand}",
            )
        where = f"{destination.hostname}:{destination.port}"
        return LostError(
            f"it cannot be reached at {where}: {said or _reason(error)}",
            f"Try by hand: {by_hand}",
        )


def dial(destination: Destination) -> socket.socket:
    """Return a TCP connection to the first address of a host that accepts one."""
    host, port = destination.hostname, destination.port
    found = socket.getaddrinfo(host, port, destination.family, socket.SOCK_STREAM)
    problems: list[str] = []
    for family, kind, protocol, _, address in found:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(destination.timeout)
            if destination.bind:
                made.bind((destination.bind, 0))
            made.connect(address)
        except OSError as error:
            made.close()
            problems.append(_reason(error))
        else:
            return made
    raise ConnectionError("; ".join(dict.fromkeys(problems)))


def _pulse(transport: paramiko.Transport) -> None:
    """Send keepalive requests. A host that is gone, or whose sshd hangs, does not answer."""
    while transport.is_active():
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            transport.global_request("keepalive@openssh.com", wait=True)
        time.sleep(_PULSE)


def _watch(transport: Any) -> None:
    while transport.is_active():
        if time.monotonic() - transport.sock.heard > _SILENCE:
            transport.close()
        time.sleep(1.0)


def fastest_first(ciphers: Sequence[str]) -> tuple[str, ...]:
    """Return ciphers, first those without a separate digest: they need half the work per byte.

    >>> fastest_first(["aes128-ctr", "aes128-gcm@openssh.com", "aes256-ctr"])
    ('aes128-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr')
    """
    return tuple(sorted(ciphers, key=lambda name: "-gcm@" not in name))


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such name"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", "") or str(error) or type(error).__name__
