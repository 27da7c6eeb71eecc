"""Checks a certificate and its key before a web server gets them, with a handshake in memory."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Sequence

_PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN: the certificate itself is trusted
_ROUNDS = 10  # more than a handshake has


class _EncryptedKeyError(Exception):
    """The key needs a password."""


def certificate_problem(certificate: str, key: str, names: Sequence[str]) -> str:
    """Return why a web server cannot use a certificate for the site's names, or an empty string."""
    for path in (certificate, key):
        try:
            Path(path).read_bytes()
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certificate, key, _no_password)
    except _EncryptedKeyError:
        return f"{key} is encrypted: a web server cannot start without its password"
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{key} is not the key of {certificate}"
        return f"{certificate} and {key} are not a certificate and its key in PEM format"
    for name in names:
        problem = _handshake_problem(server, certificate, _one_of(name))
        if problem:
            return f"{certificate} cannot be used for {name}: {problem}"
    return ""


def first_certificate(path: str) -> bytes:
    """Return a file's first certificate, in DER format."""
    text = Path(path).read_text(encoding="ascii", errors="replace")
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return ssl.PEM_cert_to_DER_cert(found[0]) if found else b""


def _no_password() -> str:
    raise _EncryptedKeyError


def _one_of(name: str) -> str:
    """Return a host name that a name with a wildcard covers."""
    return "www" + name.lstrip("*") if name.startswith(("*", ".")) else name


def _handshake_problem(server: ssl.SSLContext, certificate: str, name: str) -> str:
    """Return why a visitor who trusts the certificate refuses it, or an empty string."""
    visitor = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    visitor.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
    visitor.load_verify_locations(certificate)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        visitor.wrap_bio(down, up, server_hostname=name),
        server.wrap_bio(up, down, server_side=True),
    )
    try:
        for _ in range(_ROUNDS):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except ssl.SSLError as error:
        return str(error.reason or error)
    return ""
