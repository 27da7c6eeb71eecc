"""Host keys against known_hosts."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from django_deploykit.release.transports.hostkeys import (
    HostKeyError,
    KnownKey,
    algorithms,
    fingerprint,
    judge,
    known_keys,
    matching,
)

BLOB = base64.b64encode(b"a key").decode()
OTHER = base64.b64encode(b"another key").decode()


def found(lines: str, name: str) -> list[str]:
    return [key.blob for key in matching(lines.splitlines(), name, "f")]


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        ("web1", "web1", True),
        ("web1,10.0.0.5", "10.0.0.5", True),
        ("WEB1", "web1", True),
        ("*.example.com", "web1.example.com", True),
        ("*.example.com,!web1.example.com", "web1.example.com", False),
        ("!web1.example.com,*.example.com", "web1.example.com", False),
        ("web?", "web1", True),
        ("[web1]:2222", "[web1]:2222", True),
        ("[web1]:2222", "web1", False),
        ("web1", "[web1]:2222", False),
        ("web", "web1", False),
        ("[web1]", "w", False),
    ],
)
def test_names_match_as_openssh_says(patterns: str, name: str, expected: bool) -> None:
    assert bool(found(f"{patterns} ssh-ed25519 {BLOB}", name)) is expected


def test_hashed_names_match() -> None:
    salt = b"salt" * 5
    digest = hmac.new(salt, b"[web1]:2222", hashlib.sha1).digest()
    text = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    assert found(f"{text} ssh-ed25519 {BLOB}", "[web1]:2222") == [BLOB]
    assert found(f"{text} ssh-ed25519 {BLOB}", "web1") == []


def test_what_is_no_line_of_a_key_is_passed_over() -> None:
    lines = f"# web1 ssh-ed25519 {BLOB}\n\nweb1\n|1|nonsense ssh-ed25519 {BLOB}\n@cert-authority * ssh-rsa {BLOB}"
    assert found(lines, "web1") == []


def test_a_file_that_is_not_there_knows_nobody(tmp_path: Path) -> None:
    assert known_keys([str(tmp_path / "none")], "web1") == []


def test_accepts_any_key_that_is_known() -> None:
    known = [KnownKey("f:1", "ssh-rsa", OTHER), KnownKey("f:2", "ssh-ed25519", BLOB)]
    judge(known, "ssh-ed25519", BLOB, "web1", "f")


def test_an_unknown_key_is_refused_with_the_line_to_add() -> None:
    with pytest.raises(HostKeyError, match="not known") as caught:
        judge([], "ssh-ed25519", BLOB, "[web1]:2222", "/tmp/known hosts")
    assert fingerprint(BLOB) in caught.value.message
    line = f"echo '[web1]:2222 ssh-ed25519 {BLOB}' >> '/tmp/known hosts'"
    assert caught.value.hint.endswith(line)


def test_a_changed_key_is_refused_with_what_replaces_it() -> None:
    known = [KnownKey("/home/ann/.ssh/known_hosts:7", "ssh-ed25519", OTHER)]
    with pytest.raises(HostKeyError, match="known_hosts:7") as caught:
        judge(known, "ssh-ed25519", BLOB, "web1", "/home/ann/.ssh/known_hosts")
    assert "ssh-keygen -R web1 -f /home/ann/.ssh/known_hosts" in caught.value.hint


def test_a_revoked_key_is_refused_though_it_is_known() -> None:
    known = [KnownKey("f:1", "ssh-rsa", BLOB), KnownKey("f:2", "ssh-rsa", BLOB, revoked=True)]
    with pytest.raises(HostKeyError, match="revoked"):
        judge(known, "ssh-rsa", BLOB, "web1", "f")


def test_algorithms_of_known_keys_are_asked_for_first() -> None:
    offered = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
    assert algorithms([KnownKey("f:1", "ssh-rsa", BLOB)], offered) == (
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-ed25519",
    )
    assert algorithms([], offered) == offered
