"""Signatures of bundles: who vouches for one, and whether this host takes their word.

``FILE.sig`` beside a bundle is a statement and an SSH signature of it::

    django-deploykit bundle 1
    project shop
    release 20261123T041500-ab12cd3
    manifest 4c0ee0d6...
    bundle 9f3aa511...
    -----BEGIN SSH SIGNATURE-----
    ...

``manifest`` is the SHA-256 of ``manifest.json``, which names every layer by its digest and so every
file, and the runtime; it is what a host that was sent layers can hold a release to. ``bundle`` is
that of the whole file, for whoever has the file and wants to judge it before it runs.

A host asks for signatures where root put ``/etc/<app>/allowed_signers``, as ssh-keygen has it;
``revoked_signers`` beside it may list keys that count no more. Root's helper holds releases to the
same rules (``helper.py``), with code of its own: keep the two in step.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from ..base.errors import DeployKitError
from ..base.files import hash_file, read_regular, write_and_replace
from ..base.site import Site
from .manifest import Manifest

NAMESPACE = "django-deploykit"
LONGEST = 1 << 16  # bytes of a signature's file
PATTERN = (
    r"(django-deploykit bundle 1\n"
    r"project ([a-z][a-z0-9-]{0,30})\n"
    r"release ([0-9]{8}T[0-9]{6}-[0-9a-f]{7,40})\n"
    r"manifest ([0-9a-f]{64})\n"
    r"bundle ([0-9a-f]{64})\n)"
    r"(-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+-----END SSH SIGNATURE-----\n)\Z"
)


class SignatureError(DeployKitError):
    """A bundle without a signature that counts here."""


@dataclass(frozen=True)
class Statement:
    """What is signed: digests are SHA-256 in hex, of ``manifest.json`` and of the whole file."""

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


@dataclass(frozen=True)
class Signature:
    """A statement and the signature of its text, in OpenSSH's armor."""

    statement: Statement
    armor: str

    def dumps(self) -> str:
        """Return what ``FILE.sig`` holds."""
        return self.statement.text() + self.armor


def state(manifest: Manifest, bundle: str) -> Statement:
    """Return the statement about a bundle; ``bundle`` is the SHA-256 of its file."""
    digest = hashlib.sha256(manifest.dumps().encode("utf-8")).hexdigest()
    return Statement(manifest.project, manifest.release_id, digest, bundle)


def parse(text: str) -> Signature:
    """Take the text of a ``FILE.sig`` apart; raises :class:`SignatureError` for what is none."""
    match = re.match(PATTERN, text)
    if match is None:
        raise SignatureError(
            "the signature is none of a bundle, or it is damaged",
            "Sign the bundle again: manage.py bundle --sign KEY",
        )
    return Signature(Statement(*match.groups()[1:5]), match.group(6))


def beside(path: Path) -> Path:
    """Return where the signature of a bundle lies."""
    return path.with_name(path.name + ".sig")


def read_beside(path: Path) -> str:
    """Return the text of a bundle's signature, "" where there is none."""
    try:
        return read_regular(beside(path), LONGEST)
    except FileNotFoundError:
        return ""


def kept(release: Path) -> Path:
    """Return where a staged release has its signature."""
    return release / "manifest.json.sig"


def keep(release: Path, text: str) -> None:
    """Put a signature into a staged release, whole."""
    write_and_replace(kept(release), text, 0o644)


def read_kept(release: Path) -> str:
    """Return the signature that a staged release has, "" where it has none."""
    try:
        return read_regular(kept(release), LONGEST)
    except FileNotFoundError:
        return ""


def signers(site: Site) -> Path:
    """Return root's list of who may sign for a site."""
    return site.etc / "allowed_signers"


def wanted(site: Site) -> bool:
    """Whether the host asks for signatures; a list that cannot be read asks too."""
    return os.path.lexists(signers(site))


def judge(site: Site, manifest: Manifest, text: str, *, when: Optional[float] = None) -> str:
    """Return who signed a bundle, "" where the host asks nobody.

    ``text`` is its ``FILE.sig``, "" for none; ``when`` the moment, in seconds since the epoch, at
    which the key must have been valid, now by default. Raises :class:`SignatureError`.
    """
    if not wanted(site):
        return ""
    what = f"{manifest.project} {manifest.release_id}"
    if not text:
        raise SignatureError(
            f"{what} is not signed, and this host asks for signatures ({signers(site)})",
            "Sign it: manage.py bundle --sign KEY, then release it again.",
        )
    signature = parse(text)
    own = state(manifest, signature.statement.bundle)
    if signature.statement != own:
        other = f"{signature.statement.project} {signature.statement.release}"
        raise SignatureError(
            f"the signature that came with {what} is of another bundle"
            + (f", {other}" if other != what else " of the same commit"),
            "Sign this bundle: manage.py bundle --sign KEY",
        )
    return verify(signature, signers(site), when)


def judge_release(site: Site, release: str, manifest: Manifest) -> str:
    """Hold a staged release to its own signature, as of the moment when it came here.

    So a key that has expired since does not stand in the way of a rollback; one that was taken out
    of the list, or revoked, does.
    """
    folder = site.releases / release
    text = read_kept(folder)
    return judge(site, manifest, text, when=kept(folder).lstat().st_ctime if text else None)


def judge_file(path: Path, signature: Signature) -> None:
    """Hold a whole bundle to its statement."""
    if hash_file(path) != signature.statement.bundle:
        raise SignatureError(
            f"{path} is not the file that was signed", "Copy it again from where it was built."
        )


def verify(signature: Signature, allowed: Path, when: Optional[float] = None) -> str:
    """Return the name under which ``allowed`` lists the signer; raises :class:`SignatureError`."""
    if shutil.which("ssh-keygen") is None:
        raise SignatureError(
            "this host asks for signatures and has no ssh-keygen to check them",
            "Run: apt-get install openssh-client",
        )
    if not os.access(allowed, os.R_OK):
        raise SignatureError(
            f"{allowed} cannot be read", f"It holds public keys only: chmod 644 {allowed}"
        )
    moment = time.strftime("%Y%m%d%H%M%S", time.localtime(when))
    revoked = allowed.with_name("revoked_signers")
    with tempfile.TemporaryDirectory(prefix="deploykit-") as folder:
        path = Path(folder, "signature")
        path.write_text(signature.armor, encoding="ascii")
        common = ["-s", str(path)]
        code, found = _ask(signature, "check-novalidate", "-n", NAMESPACE, *common)
        if code:
            raise SignatureError(f"the signature does not count: {found}", _AGAIN)
        key = found.rpartition(" with ")[2]
        listed = ["-f", str(allowed), f"-Overify-time={moment}", *common]
        code, names = _ask(signature, "find-principals", *listed)
        if code:
            raise SignatureError(f"{allowed} does not allow the signer, {key}: {names}", _ASK)
        if os.path.lexists(revoked):
            listed += ["-r", str(revoked)]
        why = ""
        for name in names.splitlines():
            code, why = _ask(signature, "verify", "-n", NAMESPACE, "-I", name, *listed)
            if not code:
                return name
    raise SignatureError(f"{allowed} does not allow the signer, {key}: {why}", _ASK)


_AGAIN = "Sign the bundle again: manage.py bundle --sign KEY"
_ASK = "Sign with a key that is listed there, or have root list this one."


def _ask(signature: Signature, verb: str, *words: str) -> Tuple[int, str]:
    """Ask ssh-keygen about a signature; returns its exit code and its answer, or its reasons."""
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
