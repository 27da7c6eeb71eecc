"""Signatures, judged with the real ssh-keygen by the runtime and by root's helper alike."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.hints import by_hand
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle import signature
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.signature import SignatureError
from django_deploykit.runtime.supervisors.root_helper import helper
from django_deploykit.runtime.supervisors.systemd_units import Kind
from tests.bundles import make_layer, make_manifest

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="signatures need OpenSSH's ssh-keygen"
)
LAYER = make_layer("app", "app", "", {"app/manage.py": b""})
MANIFEST = make_manifest((LAYER,))
BUNDLE = "b" * 64


@dataclass(frozen=True)
class Desk:
    """Two keys, ``ann``'s and ``bob``'s, and a site whose root allows what ``allow`` says."""

    folder: Path
    site: Site

    def public(self, name: str) -> str:
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def allow(self, *lines: str) -> None:
        text = "".join(
            line.format(ann=self.public("ann"), bob=self.public("bob")) for line in lines
        )
        (self.site.etc / "allowed_signers").write_text(text)

    def sign(
        self, manifest: Manifest = MANIFEST, key: str = "ann", namespace: str = "django-deploykit"
    ) -> str:
        statement = signature.make_statement(manifest, BUNDLE)
        done = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(self.folder / key)],
            input=statement.text(),
            capture_output=True,
            text=True,
            check=True,
        )
        return signature.Signature(statement, done.stdout).dumps()

    def release(self, text: str, manifest: Manifest = MANIFEST) -> None:
        """Stage a release by hand, with that signature."""
        folder = self.site.releases / manifest.release_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text(manifest.dumps())
        if text:
            signature.store(folder, text)

    def admitted(self) -> str:
        """Return why root's helper does not let the release start, "" where it does."""
        space: dict[str, object] = {"__name__": "helper"}
        exec(compile(helper(self.site, (Kind("web"),)), "helper", "exec"), space)
        space["call"] = lambda *_: 3  # nothing runs
        try:
            space["require_signature"](MANIFEST.release_id)  # type: ignore[operator]
        except space["Unsigned"] as error:  # type: ignore[misc]
            return str(error)
        return ""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ann", "bob"):
        path = str(folder / name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return folder


@pytest.fixture
def desk(keys: Path, tmp_path: Path) -> Desk:
    made = Desk(keys, Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var"))
    made.site.etc.mkdir()
    made.allow("ann@example.com {ann}\n")
    return made


def refusal(desk: Desk, text: str, manifest: Manifest = MANIFEST) -> str:
    with pytest.raises(SignatureError) as caught:
        signature.verify_bundle(desk.site, manifest, text)
    assert caught.value.hint
    return caught.value.message


def test_says_who_signed(desk: Desk) -> None:
    text = desk.sign()
    assert signature.verify_bundle(desk.site, MANIFEST, text) == "ann@example.com"
    desk.release(text)
    assert signature.verify_release(desk.site, MANIFEST.release_id, MANIFEST) == "ann@example.com"
    assert desk.admitted() == ""


def test_a_host_that_does_not_ask_takes_everything(desk: Desk) -> None:
    (desk.site.etc / "allowed_signers").unlink()
    assert signature.verify_bundle(desk.site, MANIFEST, "") == ""
    desk.release("")
    assert desk.admitted() == ""


def test_refuses_what_is_not_signed(desk: Desk) -> None:
    assert "is not signed" in refusal(desk, "")
    desk.release("")
    assert "is not signed" in desk.admitted()
    with pytest.raises(SignatureError, match="is not signed"):
        signature.verify_release(desk.site, MANIFEST.release_id, MANIFEST)


def test_a_reader_by_hand_asks_the_people_who_can_sign(desk: Desk) -> None:
    with by_hand(Path("/media/shop.pyz")), pytest.raises(SignatureError) as caught:
        signature.verify_bundle(desk.site, MANIFEST, "")
    assert caught.value.hint.startswith("Ask the people who built this bundle to sign it: ")


def test_refuses_a_signer_who_is_not_listed(desk: Desk) -> None:
    text = desk.sign(key="bob")
    message = refusal(desk, text)
    assert "does not allow the signer" in message
    assert "SHA256:" in message  # which key it was
    desk.release(text)
    assert "does not allow the signer" in desk.admitted()


def test_refuses_the_right_key_in_another_namespace(desk: Desk) -> None:
    """A signature that the same key made of a file, or of a git commit, is none of a bundle."""
    text = desk.sign(namespace="file")
    assert "namespace" in refusal(desk, text)
    desk.release(text)
    assert "namespace" in desk.admitted()


@pytest.mark.parametrize(
    "line",
    [
        'ann@example.com namespaces="file" {ann}\n',
        'ann@example.com valid-before="20200101" {ann}\n',
        'ann@example.com valid-after="20990101" {ann}\n',
        "ann@example.com {bob}\n",
        "",
        "garbage\n",
    ],
)
def test_refuses_what_the_list_does_not_allow_now(desk: Desk, line: str) -> None:
    desk.allow(line)
    text = desk.sign()
    assert "does not allow the signer" in refusal(desk, text)
    desk.release(text)
    assert "does not allow the signer" in desk.admitted()


def test_refuses_a_revoked_key(desk: Desk) -> None:
    (desk.site.etc / "revoked_signers").write_text(desk.public("ann") + "\n")
    text = desk.sign()
    assert "does not allow the signer" in refusal(desk, text)
    desk.release(text)
    assert "does not allow the signer" in desk.admitted()


def test_takes_any_listed_name_also_by_a_pattern(desk: Desk) -> None:
    desk.allow("# who may release\n", "bob@example.com {bob}\n", "*@ci,ann@x {ann}\n")
    text = desk.sign()
    assert signature.verify_bundle(desk.site, MANIFEST, text) == "*@ci"
    desk.release(text)
    assert desk.admitted() == ""


def test_a_key_that_expires_after_the_release_came_lets_it_start_again(desk: Desk) -> None:
    """A rollback must not fail because the signer's key ran out in the meantime."""
    text = desk.sign()
    desk.release(text)
    desk.allow('ann@example.com valid-before="20200101" {ann}\n')
    assert "expired" in refusal(desk, text)
    assert signature.verify_bundle(desk.site, MANIFEST, text, when=1.5e9) == "ann@example.com"
    desk.allow('ann@example.com valid-before="20980101" {ann}\n')
    came = (
        signature.release_signature_path(desk.site.releases / MANIFEST.release_id).lstat().st_ctime
    )
    later = came + 100 * 365 * 24 * 3600.0
    with pytest.raises(SignatureError, match="expired"):
        signature.verify_bundle(desk.site, MANIFEST, text, when=later)
    assert signature.verify_release(desk.site, MANIFEST.release_id, MANIFEST) == "ann@example.com"
    assert desk.admitted() == ""


OTHERS = {
    "release": replace(MANIFEST, release_id="20261123T041501-ab12cd3"),
    "project": replace(MANIFEST, project="other"),
    "layer": replace(MANIFEST, layers=(replace(LAYER, sha256="0" * 64),)),
    "runtime": replace(MANIFEST, runtime="0" * 64),
    "process": replace(MANIFEST, processes=()),
}


@pytest.mark.parametrize("what", OTHERS)
def test_refuses_the_signature_of_another_bundle(desk: Desk, what: str) -> None:
    text = desk.sign(OTHERS[what])
    assert "belongs to another bundle" in refusal(desk, text)
    desk.release(text)
    assert "belongs to another bundle" in desk.admitted()


@pytest.mark.parametrize("field", ["release", "manifest", "bundle", "project"])
def test_refuses_a_statement_that_was_changed(desk: Desk, field: str) -> None:
    stated = signature.parse(desk.sign())
    values = {"release": OTHERS["release"].release_id, "project": "other"}
    forged = replace(
        stated, statement=replace(stated.statement, **{field: values.get(field, "1" * 64)})
    )
    manifest = MANIFEST if field == "bundle" else OTHERS.get(field, MANIFEST)
    text = forged.dumps()
    refusal(desk, text, manifest)
    desk.release(text)
    assert desk.admitted()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "django-deploykit bundle 2\n",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
        "\u00e9" * 100,
        "{text} ",
        " {text}",
        "{text}{text}",
        "\ufeff{text}",
    ],
)
def test_refuses_what_is_no_signature(desk: Desk, text: str) -> None:
    text = text.replace("{text}", desk.sign())
    assert "damaged" in refusal(desk, text)
    desk.release(text)
    assert "damaged" in desk.admitted()


def test_a_list_that_cannot_be_read_asks_all_the_same(desk: Desk) -> None:
    path = desk.site.etc / "allowed_signers"
    path.unlink()
    path.symlink_to(desk.site.etc / "nothing")
    assert signature.is_required(desk.site)
    refusal(desk, desk.sign())
    desk.release(desk.sign())
    assert desk.admitted()


def test_refuses_where_ssh_keygen_is_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    text = desk.sign()
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "no ssh-keygen" in refusal(desk, text)


def test_holds_the_whole_file_to_the_statement(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "shop.pyz"
    path.write_bytes(b"bundle")
    digest = hashlib.sha256(b"bundle").hexdigest()
    stated = signature.Signature(signature.make_statement(MANIFEST, digest), "")
    signature.validate_file(path, stated)
    path.write_bytes(b"bundlE")
    with pytest.raises(SignatureError, match="not the file that was signed"):
        signature.validate_file(path, stated)


def test_reads_no_link_in_the_place_of_a_signature(tmp_path: Path) -> None:
    path = tmp_path / "shop.pyz"
    assert signature.read_signature(path) == ""
    signature.signature_path(path).symlink_to("/etc/hostname")
    with pytest.raises(DeployKitError):
        signature.read_signature(path)


def _verify(desk: Desk, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = desk.folder / f"helper-{os.getpid()}"
    path.write_text(helper(desk.site, (Kind("web"),)))
    clean = {key: value for key, value in os.environ.items() if key != "SUDO_UID"}
    return subprocess.run(
        [sys.executable, "-IS", str(path), "verify", *words],
        cwd=desk.site.etc.parent,
        env={**clean, **env},
        capture_output=True,
        text=True,
    )


def test_roots_helper_judges_a_whole_bundle_before_it_runs(desk: Desk) -> None:
    path = desk.site.etc.parent / "shop.pyz"
    path.write_bytes(b"bundle")
    assert "shop.pyz.sig does not exist" in _verify(desk, "shop.pyz").stderr
    signature.signature_path(path).write_text(desk.sign())
    done = _verify(desk, "shop.pyz")
    assert done.returncode == 65
    assert "another bundle" in done.stderr
    statement = signature.make_statement(MANIFEST, hashlib.sha256(b"bundle").hexdigest())
    signed = subprocess.run(
        [
            "ssh-keygen",
            "-Y",
            "sign",
            "-q",
            "-n",
            "django-deploykit",
            "-f",
            str(desk.folder / "ann"),
        ],
        input=statement.text(),
        capture_output=True,
        text=True,
        check=True,
    )
    signature.signature_path(path).write_text(signature.Signature(statement, signed.stdout).dumps())
    done = _verify(desk, "shop.pyz")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"shop {MANIFEST.release_id}, signed by ann@example.com\n"
    path.write_bytes(b"bundlE")
    assert _verify(desk, "shop.pyz").returncode == 65


def test_roots_helper_reads_no_file_for_whoever_calls_sudo(desk: Desk) -> None:
    done = _verify(desk, "/etc/shadow", SUDO_UID="1000")
    assert done.returncode == 64
    assert "without sudo" in done.stderr
