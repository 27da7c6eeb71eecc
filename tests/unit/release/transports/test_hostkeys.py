"""Host keys against known_hosts; a real host shows more in test_login."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from django_deploykit.release.transports.hostkeys import (
    HostKeyError,
    KnownKey,
    certificate_problem,
    fingerprint,
    known_keys,
    order_algorithms,
    public_text,
    read_certificate,
    validate_host_key,
)
from django_deploykit.release.transports.openssh import Destination
from tests.sshd import keygen, public, sign

BLOB = base64.b64encode(b"a key").decode()
OTHER = base64.b64encode(b"another key").decode()
KEYS = {
    "web1": "AAAAC3NzaC1lZDI1NTE5AAAAIOEwKwBhF0kiHq/ObJ7wNX3oCyoHRGkSHTQPxqEfnJDN",
    "any": "AAAAC3NzaC1lZDI1NTE5AAAAIP0z9Tl5WilcLQZ6HdH58LA/eXsPi2NaTEHue5CZkShs",
}


def web(file: Path | str = "/tmp/known hosts", port: int = 22, name: str = "web1") -> Destination:
    return Destination("web", name, port, "deploy", known_hosts=(str(file),))


@pytest.mark.parametrize(
    ("patterns", "name", "port", "expected"),
    [
        ("web1", "web1", 22, True),
        ("web1,10.0.0.5", "10.0.0.5", 22, True),
        ("WEB1", "web1", 22, True),
        ("*.example.com", "web1.example.com", 22, True),
        ("*.example.com,!web1.example.com", "web1.example.com", 22, False),
        ("[web1]:2222", "web1", 2222, True),
        ("[web1]:2222", "web1", 22, False),
        ("web1", "web1", 2222, False),
        ("web", "web1", 22, False),
    ],
)
def test_names_match_as_openssh_says(
    tmp_path: Path, patterns: str, name: str, port: int, expected: bool
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"# a comment\n\nnonsense\n{patterns} ssh-ed25519 {KEYS['any']} comment\n")
    found = [KnownKey(f"{file}:4", "ssh-ed25519", KEYS["any"])] if expected else []
    assert known_keys(web(file, port, name)) == found


def test_markers_and_hashed_names(tmp_path: Path) -> None:
    file = tmp_path / "known hosts"
    file.write_text(f"web1 ssh-ed25519 {KEYS['web1']}\n")
    run("ssh-keygen", "-q", "-H", "-f", str(file))
    marked = (
        f"@cert-authority web* ssh-ed25519 {KEYS['any']}\n@revoked * ssh-ed25519 {KEYS['any']}\n"
    )
    file.write_text(file.read_text() + marked)
    assert "web1" not in file.read_text()
    found = [(one.blob, one.marker) for one in known_keys(web(file))]
    assert found == [(KEYS["web1"], ""), (KEYS["any"], "CA"), (KEYS["any"], "REVOKED")]
    # Authorities and what is revoked count on every port, keys only on theirs.
    assert [one.marker for one in known_keys(web(file, 2222))][-2:] == ["CA", "REVOKED"]
    assert KEYS["web1"] not in {one.blob for one in known_keys(web(file, 2222))}


def test_a_missing_file_knows_no_host(tmp_path: Path) -> None:
    assert known_keys(web(tmp_path / "none")) == []


def test_any_known_key_is_accepted() -> None:
    known = [KnownKey("f:1", "ssh-rsa", OTHER), KnownKey("f:2", "ssh-ed25519", BLOB)]
    validate_host_key(known, "ssh-ed25519", BLOB, web())


def test_an_unknown_key_is_refused_with_the_line_to_add() -> None:
    with pytest.raises(HostKeyError, match="not known") as caught:
        validate_host_key([], "ssh-ed25519", BLOB, web(port=2222))
    assert fingerprint(BLOB) in caught.value.message
    line = f"echo '[web1]:2222 ssh-ed25519 {BLOB}' >> '/tmp/known hosts'"
    assert caught.value.hint.endswith(line)


def test_a_configuration_without_known_hosts_knows_no_host() -> None:
    with pytest.raises(HostKeyError, match="not known") as caught:
        validate_host_key([], "ssh-ed25519", BLOB, Destination("web", "web1", 22, "deploy"))
    assert caught.value.hint.endswith(os.path.expanduser("~/.ssh/known_hosts"))


def test_a_changed_key_is_refused_with_what_replaces_it() -> None:
    known = [KnownKey("/home/ann/.ssh/known_hosts:7", "ssh-ed25519", OTHER)]
    with pytest.raises(HostKeyError, match="known_hosts:7") as caught:
        validate_host_key(known, "ssh-ed25519", BLOB, web("/home/ann/.ssh/known_hosts"))
    assert "ssh-keygen -R web1 -f /home/ann/.ssh/known_hosts" in caught.value.hint


@pytest.mark.parametrize("marker", ["REVOKED", "CA"])
def test_a_marked_line_makes_no_key_known(marker: str) -> None:
    with pytest.raises(HostKeyError):
        validate_host_key([KnownKey("f:1", "ssh-rsa", BLOB, marker)], "ssh-rsa", BLOB, web())


def test_a_revoked_key_is_refused_though_it_is_known() -> None:
    known = [KnownKey("f:1", "ssh-rsa", BLOB), KnownKey("f:2", "ssh-rsa", BLOB, "REVOKED")]
    with pytest.raises(HostKeyError, match="revoked"):
        validate_host_key(known, "ssh-rsa", BLOB, web())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("-h", "-n", "web1,WEB2"), ""),
        (("-n", "web1"), "is a user's, not a host's"),
        (("-h",), "is for no name, not for web1"),
        (("-h", "-n", "*.example.com"), r"is for \*.example.com, not for web1"),
        (("-h", "-n", "web1", "-V", "20200101:20210101"), "has expired or is not valid yet"),
    ],
)
def test_what_a_certificate_proves(tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    authority, key = keygen(tmp_path / "ca"), keygen(tmp_path / "key")
    certificate = read_certificate(sign(authority, key, *words).read_bytes())
    assert certificate is not None
    assert re.fullmatch(problem, certificate_problem(certificate, "web1", time.time()))
    assert public_text(certificate.signature_key()) == public(authority).split()[1]


@pytest.mark.parametrize(("algorithm", "good"), [("rsa-sha2-512", True), ("ssh-rsa", False)])
def test_a_certificate_signed_with_sha1_proves_nothing(
    tmp_path: Path, algorithm: str, good: bool
) -> None:
    authority = tmp_path / "ca"
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(authority))
    path = sign(authority, keygen(tmp_path / "key"), "-h", "-n", "web1", "-t", algorithm)
    certificate = read_certificate(path.read_bytes())
    assert certificate is not None
    problem = certificate_problem(certificate, "web1", time.time())
    assert problem == ("" if good else "is signed with SHA-1, which is too weak")


def test_a_certificate_that_was_changed_proves_nothing(tmp_path: Path) -> None:
    authority, key = keygen(tmp_path / "ca"), keygen(tmp_path / "key")
    kind, text = sign(authority, key, "-h", "-n", "web1").read_text().split()[:2]
    data = base64.b64decode(text).replace(b"web1", b"web2")
    certificate = read_certificate(f"{kind} {base64.b64encode(data).decode()}".encode())
    assert certificate is not None
    assert certificate_problem(certificate, "web2", time.time()) == "has a wrong signature"


def test_algorithms_of_known_keys_come_first() -> None:
    offered = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
    assert order_algorithms([KnownKey("f:1", "ssh-rsa", BLOB)], offered) == (
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-ed25519",
    )
    assert order_algorithms([], offered) == offered


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
