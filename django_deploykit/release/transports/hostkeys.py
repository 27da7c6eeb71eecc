"""Host keys: is the host the one that known_hosts names? Unknown and changed keys are refused."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django_deploykit.errors import DeployKitError


class HostKeyError(DeployKitError):
    """The host's key is unknown, changed or revoked."""


@dataclass(frozen=True)
class KnownKey:
    """A line of known_hosts that is about the host: ``where`` is FILE:LINE, ``blob`` the key in base64."""

    where: str
    kind: str
    blob: str
    revoked: bool = False


def known_keys(files: Iterable[str], name: str) -> list[KnownKey]:
    """Return what known_hosts files say of a host; ``name`` is ``host`` or ``[host]:port``."""
    found: list[KnownKey] = []
    for path in files:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found += matching(file, name, path)
        except OSError:
            continue
    return found


def matching(lines: Iterable[str], name: str, path: str) -> Iterator[KnownKey]:
    """Yield the lines that are about a host.

    >>> [key.where for key in matching(["web1 ssh-ed25519 AAAA", "web2 ssh-ed25519 BBBB"], "web2", "f")]
    ['f:2']
    """
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        # A certificate authority vouches for certificates of hosts; plain keys are what is asked for.
        if len(words) < 3 or marker not in ("", "@revoked") or not _about(words[0], name):
            continue
        yield KnownKey(f"{path}:{number}", words[1], words[2], bool(marker))


def _about(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _hashed(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        plain = pattern.lstrip("!")
        # A bracket is a part of the name here, not a set of letters.
        if fnmatch.fnmatchcase(name.lower(), plain.replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _hashed(text: str, name: str) -> bool:
    try:
        _, _, salt, digest = text.split("|")
        wanted = base64.b64decode(digest)
        return hmac.compare_digest(
            hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest(), wanted
        )
    except ValueError:
        return False


def judge(known: Iterable[KnownKey], kind: str, blob: str, name: str, file: str) -> None:
    """Raise :class:`HostKeyError` unless known_hosts holds this very key, with the command that adds it."""
    found = list(known)
    if any(one.revoked and one.blob == blob for one in found):
        raise HostKeyError(f"its host key {fingerprint(blob)} is revoked in known_hosts")
    good = [one for one in found if not one.revoked]
    if any(one.blob == blob for one in good):
        return
    add = f"echo {shlex.quote(f'{name} {kind} {blob}')} >> {shlex.quote(file)}"
    look = f"Compare {fingerprint(blob)} with what `{show(kind)}` prints there."
    if not good:
        raise HostKeyError(
            f"its host key is not known: {kind} {fingerprint(blob)}",
            f"{look} If they are the same, add it:\n  mkdir -p -m 700 ~/.ssh && {add}"
            if file.endswith("/.ssh/known_hosts")
            else f"{look} If they are the same, add it:\n  {add}",
        )
    where = ", ".join(dict.fromkeys(one.where for one in good))
    remove = f"ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(good[0].where.rpartition(':')[0])}"
    raise HostKeyError(
        f"its host key is not the one in {where}: it shows {kind} {fingerprint(blob)}. "
        "Somebody may be between you and the host, or it was installed anew",
        f"{look} If you know why it changed:\n  {remove} && {add}",
    )


def show(kind: str) -> str:
    """Return the command that prints a host's own fingerprint on that host."""
    name = "ecdsa" if kind.startswith("ecdsa") else kind.removeprefix("ssh-")
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{name}_key.pub"


def fingerprint(blob: str) -> str:
    """Return a key's fingerprint as OpenSSH prints it."""
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def algorithms(known: Iterable[KnownKey], offered: Iterable[str]) -> tuple[str, ...]:
    """Return the host key algorithms to ask for: those of known keys first, as a host may have several."""
    kinds = {one.kind for one in known if not one.revoked}
    if "ssh-rsa" in kinds:
        kinds |= {"rsa-sha2-512", "rsa-sha2-256"}
    rows = tuple(offered)
    return tuple(sorted(rows, key=lambda one: (one not in kinds, rows.index(one))))
