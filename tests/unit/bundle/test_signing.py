"""Signing a bundle with real keys: of a file, of the agent; and what is said where that fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.bundle.build import Built, BuiltFile
from django_deploykit.bundle.signing import sign
from django_deploykit.errors import BundleError
from django_deploykit.management.bundling import sign_built
from django_deploykit.release.upload import fitting_signature
from django_deploykit.runtime.bundle.signature import make_statement, parse, signature_path, verify
from tests.bundles import make_manifest

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="signatures need OpenSSH's ssh-keygen"
)
MANIFEST = make_manifest(())
DIGEST = "d" * 64


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def agent(key: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An agent that holds the key; the private file is gone."""
    address = key.with_name("agent")
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(address)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not address.exists():
            assert process.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        key.unlink()
        yield key.with_suffix(".pub")
    finally:
        process.terminate()
        process.wait()


def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "shop.pyz"
    path.write_bytes(b"bundle")
    return path


def good(path: Path, key: Path) -> bool:
    allowed = path.with_name("allowed_signers")
    allowed.write_text("ann@example.com " + key.with_suffix(".pub").read_text())
    signature = parse(signature_path(path).read_text())
    return (
        verify(signature, allowed) == "ann@example.com"
        and signature.statement == make_statement(MANIFEST, DIGEST)
        and fitting_signature(path, MANIFEST) == signature_path(path).read_text()
    )


def test_signs_with_the_key_of_a_file(tmp_path: Path, key: Path) -> None:
    path = bundle(tmp_path)
    assert sign(path, MANIFEST, DIGEST, str(key)) == tmp_path / "shop.pyz.sig"
    assert good(path, key)
    assert path.read_bytes() == b"bundle"  # the same commit keeps giving the same bytes
    assert sorted(os.listdir(tmp_path)) == [
        "allowed_signers",
        "key",
        "key.pub",
        "shop.pyz",
        "shop.pyz.sig",
    ]


def test_signs_with_a_key_of_the_agent(tmp_path: Path, agent: Path) -> None:
    path = bundle(tmp_path)
    sign(path, MANIFEST, DIGEST, str(agent))
    assert good(path, agent)


def test_a_key_may_be_named_as_a_shell_would_not_like(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in ("", ".pub"):
        Path("-O; id \n$x" + suffix).write_bytes(Path(f"key{suffix}").read_bytes())
        Path("-O; id \n$x" + suffix).chmod(0o600)
    path = bundle(tmp_path)
    sign(path, MANIFEST, DIGEST, "-O; id \n$x")
    assert good(path, key)


def test_says_that_there_is_no_such_key(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no key") as caught:
        sign(bundle(tmp_path), MANIFEST, DIGEST, str(tmp_path / "nothing"))
    assert caught.value.hint
    assert not (tmp_path / "shop.pyz.sig").exists()


def test_says_why_a_key_cannot_sign(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key.unlink()
    with pytest.raises(BundleError, match="cannot sign") as caught:
        sign(bundle(tmp_path), MANIFEST, DIGEST, str(key.with_suffix(".pub")))
    assert "agent" in caught.value.hint
    assert not (tmp_path / "shop.pyz.sig").exists()


def built(path: Path, sha256: str = DIGEST) -> Built:
    return Built(MANIFEST, (BuiltFile(path, sha256, 6),))


def signature(one: Built, key: str) -> Path | None:
    return sign_built(one, key).files[0].signature


def test_the_environment_may_name_the_key(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bundle(tmp_path)
    assert signature(built(path), "") is None
    monkeypatch.setenv("DEPLOYKIT_SIGN", str(key))
    assert signature(built(path), "") == signature_path(path)
    assert good(path, key)


def test_an_earlier_signature_stays_while_it_is_of_these_bytes(tmp_path: Path, key: Path) -> None:
    path = bundle(tmp_path)
    sign_built(built(path), str(key))
    text = signature_path(path).read_text()
    assert signature(built(path), "") == signature_path(path)
    assert signature_path(path).read_text() == text
    assert signature(built(path, "e" * 64), "") is None
    assert not signature_path(path).exists()


@pytest.mark.parametrize("text", ["", "nonsense", "\u00e9"])
def test_what_is_no_signature_of_this_bundle_does_not_travel(tmp_path: Path, text: str) -> None:
    path = bundle(tmp_path)
    signature_path(path).write_text(text, encoding="utf-8")
    assert fitting_signature(path, MANIFEST) == ""
