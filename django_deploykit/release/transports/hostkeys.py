"""Checks host keys against known_hosts. Unknown, changed and revoked keys are refused."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.openssh import Destination, expand_tokens

_KRL = b"SSHKRL\n\0"  # the first bytes of a key revocation list


class HostKeyError(DeployKitError):
    """The host's key is unknown, changed or revoked."""


@dataclass(frozen=True)
class KnownKey:
    """A line of known_hosts about a host: ``where`` is FILE:LINE, ``blob`` the key in base64.

    ``marker`` is ``CA`` for a certificate authority, ``REVOKED`` for a revoked key, and otherwise
    empty.
    """

    where: str
    kind: str
    blob: str
    marker: str = ""


def known_keys(destination: Destination) -> list[KnownKey]:
    """Return the keys for a host in known_hosts files, as ``ssh-keygen`` reads them."""
    files = [file for file in destination.known_hosts if os.path.isfile(file)]
    return [key for file in files for key in _look_up_host(file, destination)]


def keys_of_command(destination: Destination, kind: str = "", blob: str = "") -> list[KnownKey]:
    """Return what the configuration's KnownHostsCommand knows about a host.

    Like ssh, a release runs it before it connects, to know which kinds of keys to ask for, and
    again with the host's key. Raises :class:`HostKeyError` if it fails.
    """
    if not destination.known_hosts_command:
        return []
    tokens = {"%": "%", "H": destination.key_name, "I": "HOSTNAME" if blob else "ORDER"}
    tokens |= {"t": kind or "NONE", "K": blob or "NONE", "f": fingerprint(blob) if blob else "NONE"}
    command = [expand_tokens(word, tokens) for word in destination.known_hosts_command]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        problem = f"ended with {done.returncode}" if done.returncode else ""
        said = done.stderr.decode("utf-8", "replace").strip()
    except OSError as error:
        problem, said = f"cannot be run: {error.strerror}", ""
    if problem:
        raise HostKeyError(
            f"the KnownHostsCommand of ssh's configuration {problem}",
            said or f"Try: {shlex.join(command)}",
        )
    with tempfile.NamedTemporaryFile() as file:
        file.write(done.stdout)
        file.flush()
        found = list(_look_up_host(file.name, destination))
        return [replace(key, where=key.where.replace(file.name, command[0])) for key in found]


def _look_up_host(file: str, destination: Destination) -> Iterator[KnownKey]:
    yield from _look_up(file, destination.key_name)
    if destination.port != 22 and not destination.alias:
        # As in ssh, authorities and revoked keys for the host's name apply to every port.
        yield from (key for key in _look_up(file, destination.hostname) if key.marker)


def _look_up(file: str, name: str) -> Iterator[KnownKey]:
    done = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", file],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    return read_found(done.stdout, file)


def read_found(text: str, file: str) -> Iterator[KnownKey]:
    """Yield the keys that ``ssh-keygen -F`` printed.

    >>> list(read_found("# Host web1 found: line 3 CA\\n@cert-authority * ssh-rsa AAAA x\\n", "f"))
    [KnownKey(where='f:3', kind='ssh-rsa', blob='AAAA', marker='CA')]
    """
    number = marker = ""
    for line in text.splitlines():
        if match := re.match(r"# Host .* found: line (\d+) ?(\w*)", line):
            number, marker = match.groups()
            continue
        words = line.split()[1 if marker else 0 :]
        if len(words) > 2:
            yield KnownKey(f"{file}:{number}", words[1], words[2], marker)


def public_line(key: object) -> str:
    """Return a public key of the cryptography library as OpenSSH writes it: type and base64."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()  # type: ignore[attr-defined,no-any-return]


def public_text(key: object) -> str:
    """Return a public key of the cryptography library in base64."""
    return public_line(key).split()[1]


def read_certificate(data: bytes) -> SSHCertificate | None:
    """Return the certificate in OpenSSH's format, or None if ``data`` is anything else."""
    try:
        found = load_ssh_public_identity(data)
    except ValueError:
        return None
    return found if isinstance(found, SSHCertificate) else None


def validate_host_key(
    known: Sequence[KnownKey],
    kind: str,
    blob: str,
    destination: Destination,
    certificate: SSHCertificate | None = None,
) -> None:
    """Raise :class:`HostKeyError`, with the command that adds the key, unless known_hosts has it.

    The configuration's KnownHostsCommand and RevokedHostKeys count, too. ``blob`` is the key in
    base64. A host certificate is accepted instead if known_hosts has its authority.
    """
    if destination.revoked_keys:
        _validate_not_revoked(destination.revoked_keys, f"{kind} {blob}", certificate)
    known = [*known, *keys_of_command(destination, kind, blob)]
    revoked = {one.blob for one in known if one.marker == "REVOKED"}
    if blob in revoked:
        raise HostKeyError(f"its host key {fingerprint(blob)} is revoked in known_hosts")
    if certificate is not None:
        authority = public_text(certificate.signature_key())
        if authority in {one.blob for one in known if one.marker == "CA"} - revoked:
            name = destination.alias or destination.hostname
            problem = certificate_problem(certificate, name, time.time())
            if problem:
                raise HostKeyError(
                    f"its host certificate {problem}",
                    f"Its authority is {fingerprint(authority)}; have it sign a new one.",
                )
            return
    if not any(one.blob == blob and not one.marker for one in known):
        raise _unknown(known, kind, blob, destination)


def _validate_not_revoked(file: str, line: str, certificate: SSHCertificate | None) -> None:
    """Raise :class:`HostKeyError` if a host's key is in the file of the option RevokedHostKeys.

    ``line`` is the key in OpenSSH's format. The authority of a certificate must not be revoked
    either. As in ssh, no key is accepted if the file cannot be read.
    """
    lines = [line]
    if certificate is not None:
        lines += [certificate.public_bytes().decode(), public_line(certificate.signature_key())]
    try:
        with open(file, "rb") as opened:
            data = opened.read()
    except OSError as error:
        raise HostKeyError(
            f"the RevokedHostKeys of ssh's configuration cannot be read: {file}: {error.strerror}",
            "As in ssh, no host key is accepted without it. Create the file, or remove the option.",
        ) from None
    if data.startswith(_KRL):
        revoked = any(_in_revocation_list(file, line) for line in lines)
    else:
        rows = data.decode("utf-8", "replace").splitlines()
        listed = {word for row in rows if not row.startswith("#") for word in row.split()}
        revoked = any(line.split()[1] in listed for line in lines)
    if revoked:
        raise HostKeyError(f"its host key is revoked in {file}")


def _in_revocation_list(file: str, line: str) -> bool:
    """Whether a key revocation list, which is a binary file, has a key."""
    with tempfile.NamedTemporaryFile("w") as key:
        key.write(line + "\n")
        key.flush()
        done = subprocess.run(
            ["ssh-keygen", "-Q", "-f", file, key.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    if done.returncode and "REVOKED" not in done.stdout:
        raise HostKeyError(f"ssh-keygen cannot read {file}: {done.stderr.strip()}")
    return done.returncode != 0


def certificate_problem(certificate: SSHCertificate, name: str, now: float) -> str:
    """Return why a certificate does not prove a host's name, or an empty string if it does."""
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return "has a wrong signature"
    if getattr(certificate, "_inner_sig_type", b"ssh-rsa") == b"ssh-rsa":
        return "is signed with SHA-1, which is too weak"
    names = [one.decode("utf-8", "replace").lower() for one in certificate.valid_principals]
    if certificate.type is not SSHCertificateType.HOST:
        return "is a user's, not a host's"
    if certificate.critical_options:
        return "has critical options, which are not supported"
    if name.lower() not in names:
        return f"is for {', '.join(names) or 'no name'}, not for {name}"
    if not certificate.valid_after <= now < certificate.valid_before:
        return "has expired or is not valid yet"
    return ""


def _unknown(
    known: Iterable[KnownKey], kind: str, blob: str, destination: Destination
) -> HostKeyError:
    name = destination.key_name
    file = next(iter(destination.known_hosts), os.path.expanduser("~/.ssh/known_hosts"))
    add = f"echo {shlex.quote(f'{name} {kind} {blob}')} >> {shlex.quote(file)}"
    compare = f"Compare {fingerprint(blob)} with the output of `{_show(kind)}` on the host."
    others = [one for one in known if not one.marker]
    if not others:
        folder = "mkdir -p -m 700 ~/.ssh && " if file.endswith("/.ssh/known_hosts") else ""
        return HostKeyError(
            f"its host key is not known: {kind} {fingerprint(blob)}",
            f"{compare} If they are the same, add it:\n  {folder}{add}",
        )
    where = ", ".join(dict.fromkeys(one.where for one in others))
    other = others[0].where.rpartition(":")[0]
    return HostKeyError(
        f"its host key is not the one in {where}: the host has {kind} {fingerprint(blob)}. "
        "Somebody may be intercepting the connection, or the host was reinstalled",
        f"{compare} If you know why it changed:\n"
        f"  ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(other)} && {add}",
    )


def _show(kind: str) -> str:
    """Return the command that prints the fingerprint when it is run on the host."""
    name = "ecdsa" if kind.startswith("ecdsa") else kind.removeprefix("ssh-")
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{name}_key.pub"


def fingerprint(blob: str) -> str:
    """Return a key's fingerprint as OpenSSH prints it."""
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def order_algorithms(known: Iterable[KnownKey], offered: Iterable[str]) -> tuple[str, ...]:
    """Return algorithms, those of known keys first, because a host may have several keys."""
    kinds = {one.kind for one in known if not one.marker}
    if "ssh-rsa" in kinds:
        kinds |= {"rsa-sha2-512", "rsa-sha2-256"}
    return tuple(sorted(offered, key=lambda kind: kind not in kinds))
