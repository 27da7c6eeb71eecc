"""Signing a bundle with ssh-keygen, with a key from the agent, a file or a token."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.files import write_and_replace
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.signature import (
    NAMESPACE,
    Signature,
    make_statement,
    parse,
    signature_path,
)

VARIABLE = "DEPLOYKIT_SIGN"


def sign(path: Path, manifest: Manifest, sha256: str, key: str) -> Path:
    """Write ``FILE.sig`` next to a bundle and return its path.

    ``key`` is the path of a private key, or of a public key whose private key is in the agent or
    on a token. ssh-keygen asks for a passphrase on the terminal.
    """
    statement = make_statement(manifest, sha256)
    signature = Signature(statement, _signed(statement.text(), key))
    parse(signature.dumps())
    target = signature_path(path)
    write_and_replace(target, signature.dumps(), 0o644)
    return target


def _signed(text: str, key: str) -> str:
    """Return ssh-keygen's signature of a text."""
    file = os.path.expanduser(key)
    if not os.path.exists(file):
        raise BundleError(
            f"there is no key {key} to sign with",
            "Name a private key, or the .pub of one in your agent.",
        )
    # Otherwise ssh-keygen would read a path that begins with a dash as an option.
    named = file if os.path.isabs(file) else os.path.join(os.curdir, file)
    try:
        done = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", named],
            input=text,
            stdout=subprocess.PIPE,
            # ssh-keygen asks on standard error to touch a token.
            stderr=None if sys.stderr.isatty() else subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError:
        raise BundleError(
            "ssh-keygen is needed to sign and is not installed", "Install OpenSSH's client."
        ) from None
    if done.returncode:
        lines = [line for line in (done.stderr or "").splitlines() if line.strip()]
        raise BundleError(
            f"{key} cannot sign: {'; '.join(lines) or 'ssh-keygen says why above'}",
            "Is the key in the agent (ssh-add -l), or its passphrase known?",
        )
    return done.stdout
