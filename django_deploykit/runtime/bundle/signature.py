"""Signatures of bundles, and which signers this host allows.

A file ``FILE.sig`` next to a bundle contains a statement and an SSH signature of it::

    django-deploykit bundle 1
    project shop
    release 20261123T041500-ab12cd3
    manifest 4c0ee0d6...
    bundle 9f3aa511...
    -----BEGIN SSH SIGNATURE-----
    ...

``manifest`` is the SHA-256 of ``manifest.json``, which contains the digests of the runtime and of
every layer, and so of every file. A host that only received layers verifies a release with it.
``bundle`` is the SHA-256 of the whole file, for verifying the file before it runs.

A host requires signatures if root created ``/etc/<app>/allowed_signers``, in ssh-keygen's format.
``revoked_signers`` next to it may list keys that are no longer valid. Root's helper enforces the
same rules with its own code (``supervisors/root_helper_text.py``): change both together.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import List, Optional, Tuple

from ..base.errors import DeployKitError
from ..base.files import hash_file, read_regular, write_and_replace
from ..base.hints import sign_command
from ..base.lazy_dataclass import lazy_dataclass
from ..base.site import Site
from .manifest import Manifest

NAMESPACE = "django-deploykit"
LONGEST = 1 << 16  # bytes of a signature file
PATTERN = (
    r"(django-deploykit bundle 1\n"
    r"project ([a-z][a-z0-9-]{0,30})\n"
    r"release ([0-9]{8}T[0-9]{6}-[0-9a-f]{7,40})\n"
    r"manifest ([0-9a-f]{64})\n"
    r"bundle ([0-9a-f]{64})\n)"
    r"(-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+-----END SSH SIGNATURE-----\n)\Z"
)


class SignatureError(DeployKitError):
    """A bundle without a signature that is valid on this host."""


@lazy_dataclass(frozen=True)
class Statement:
    """The signed facts; digests are SHA-256 in hex, of ``manifest.json`` and of the whole file."""

    project: str
    release: str
    manifest: str
    bundle: str

    def text(self) -> str:
        """Return the signed text."""
        return (
            f"django-deploykit bundle 1\nproject {self.project}\nrelease {self.release}\n"
            f"manifest {self.manifest}\nbundle {self.bundle}\n"
        )


@lazy_dataclass(frozen=True)
class Signature:
    """A statement and the signature of its text, in OpenSSH's armor."""

    statement: Statement
    armor: str

    def dumps(self) -> str:
        """Return the contents of ``FILE.sig``."""
        return self.statement.text() + self.armor


def make_statement(manifest: Manifest, bundle: str) -> Statement:
    """Return the statement about a bundle; ``bundle`` is the SHA-256 of its file."""
    digest = hashlib.sha256(manifest.dumps().encode("utf-8")).hexdigest()
    return Statement(manifest.project, manifest.release_id, digest, bundle)


def parse(text: str) -> Signature:
    """Parse the text of a ``FILE.sig``; raises :class:`SignatureError` if it is not valid."""
    match = re.match(PATTERN, text)
    if match is None:
        raise SignatureError(
            "the file is not a signature of a bundle, or it is damaged", sign_command()
        )
    return Signature(Statement(*match.groups()[1:5]), match.group(6))


def signature_path(path: Path) -> Path:
    """Return the path of a bundle's signature, ``FILE.sig``."""
    return path.with_name(path.name + ".sig")


def read_signature(path: Path) -> str:
    """Return the text of a bundle's signature, or an empty string if there is none."""
    try:
        return read_regular(signature_path(path), LONGEST)
    except FileNotFoundError:
        return ""


def release_signature_path(release: Path) -> Path:
    """Return the path of a staged release's signature."""
    return release / "manifest.json.sig"


def store(release: Path, text: str) -> None:
    """Put a signature into a staged release."""
    top = release.parent.parent
    write_and_replace(release_signature_path(release), text, 0o644, top=top)


def read_release_signature(release: Path) -> str:
    """Return the text of a staged release's signature, or an empty string if there is none."""
    try:
        top = release.parent.parent
        return read_regular(release_signature_path(release), LONGEST, top=top)
    except FileNotFoundError:
        return ""


def signers_path(site: Site) -> Path:
    """Return the path of the list of signers that root allows for a site."""
    return site.etc / "allowed_signers"


def is_required(site: Site) -> bool:
    """Whether the host requires signatures, also if its list of signers is not readable."""
    return os.path.lexists(signers_path(site))


def verify_bundle(
    site: Site, manifest: Manifest, text: str, *, when: Optional[float] = None
) -> str:
    """Return the name of a bundle's signer, or an empty string if the host requires no signatures.

    ``text`` is the contents of its ``FILE.sig``, or an empty string. The key must have been valid
    at ``when``, in seconds since the epoch, by default now. Raises :class:`SignatureError`.
    """
    if not is_required(site):
        return ""
    what = f"{manifest.project} {manifest.release_id}"
    if not text:
        raise SignatureError(
            f"{what} is not signed, and this host requires signatures ({signers_path(site)})",
            sign_command(),
        )
    signature = parse(text)
    own = make_statement(manifest, signature.statement.bundle)
    if signature.statement != own:
        other = f"{signature.statement.project} {signature.statement.release}"
        raise SignatureError(
            f"the signature of {what} belongs to another bundle"
            + (f", {other}" if other != what else " of the same commit"),
            sign_command(),
        )
    return verify(signature, signers_path(site), when)


def verify_release(site: Site, release: str, manifest: Manifest) -> str:
    """Verify a staged release's own signature, as of the time when that was stored.

    So a key that has expired since then does not prevent a rollback, but a key that was revoked or
    removed from the list does. Returns the signer's name, as :func:`verify_bundle` does.
    """
    folder = site.releases / release
    text = read_release_signature(folder)
    return verify_bundle(
        site, manifest, text, when=release_signature_path(folder).lstat().st_ctime if text else None
    )


def validate_file(path: Path, signature: Signature) -> None:
    """Raise :class:`SignatureError` unless this is the signed file."""
    if hash_file(path) != signature.statement.bundle:
        raise SignatureError(
            f"{path} is not the file that was signed", "Copy it again from where it was built."
        )


def verify(signature: Signature, allowed: Path, when: Optional[float] = None) -> str:
    """Return the signer's name in the list ``allowed``; raises :class:`SignatureError`."""
    if shutil.which("ssh-keygen") is None:
        raise SignatureError(
            "this host requires signatures and has no ssh-keygen to verify them",
            "Run: apt-get install openssh-client",
        )
    if not os.access(allowed, os.R_OK):
        raise SignatureError(
            f"{allowed} cannot be read", f"It contains only public keys: chmod 644 {allowed}"
        )
    moment = time.strftime("%Y%m%d%H%M%S", time.localtime(when))
    revoked = allowed.with_name("revoked_signers")
    with tempfile.TemporaryDirectory(prefix="deploykit-") as folder:
        path = Path(folder, "signature")
        path.write_text(signature.armor, encoding="ascii")
        common = ["-s", str(path)]
        code, found = _run_keygen(signature, "check-novalidate", "-n", NAMESPACE, *common)
        if code:
            raise SignatureError(f"the signature is not valid: {found}", sign_command())
        key = found.rpartition(" with ")[2]
        listed = ["-f", str(allowed), f"-Overify-time={moment}", *common]
        code, names = _run_keygen(signature, "find-principals", *listed)
        if code:
            raise SignatureError(
                f"{allowed} does not allow the signer, {key}: {names}", _USE_LISTED
            )
        if os.path.lexists(revoked):
            listed += ["-r", str(revoked)]
        why = ""
        for name in names.splitlines():
            code, why = _run_keygen(signature, "verify", "-n", NAMESPACE, "-I", name, *listed)
            if not code:
                return name
    raise SignatureError(f"{allowed} does not allow the signer, {key}: {why}", _USE_LISTED)


_USE_LISTED = "Sign with a key from that list, or let root add this one."


def _run_keygen(signature: Signature, verb: str, *words: str) -> Tuple[int, str]:
    """Run ssh-keygen on a signature; return its exit code and its output, or errors on failure."""
    command: List[str] = ["ssh-keygen", "-Y", verb, *words]
    done = subprocess.run(
        command,
        input=signature.statement.text(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if done.returncode == 0:
        return 0, done.stdout.strip()
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return done.returncode, "; ".join(lines) or f"ssh-keygen ended with {done.returncode}"
