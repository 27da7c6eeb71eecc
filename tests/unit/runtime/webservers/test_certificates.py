"""Certificates that a web server could not use are found before it gets them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from django_deploykit.runtime.webservers.certificates import certificate_problem, first_certificate

_DAY = datetime.timedelta(days=1)


def write(
    folder: Path, name: str, *names: str, days: int = 10, password: bytes = b""
) -> tuple[str, str]:
    """Write a certificate that is valid for ``days`` days, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    end = datetime.datetime.now(datetime.timezone.utc) + days * _DAY
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - 20 * _DAY)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
        .sign(key, hashes.SHA256())
    )
    paths = [folder / f"{name}.pem", folder / f"{name}.key"]
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize("names", [["shop.example"], ["shop.example", "*.shop.example"]])
def test_a_good_certificate_has_no_problem(tmp_path: Path, names: list[str]) -> None:
    assert certificate_problem(*write(tmp_path, "a", *names), names) == ""


def test_an_expired_one(tmp_path: Path) -> None:
    found = certificate_problem(*write(tmp_path, "a", "shop.example", days=-1), ["shop.example"])
    assert found.endswith("a.pem cannot be used for shop.example: certificate has expired")


def test_one_for_another_name(tmp_path: Path) -> None:
    files = write(tmp_path, "a", "shop.example")
    assert "Hostname mismatch" in certificate_problem(*files, ["shop.example", "other.example"])
    assert "www.shop.example" in certificate_problem(*files, ["*.shop.example"])


def test_the_key_of_another(tmp_path: Path) -> None:
    one, other = write(tmp_path, "a", "shop.example"), write(tmp_path, "b", "shop.example")
    found = certificate_problem(one[0], other[1], ["shop.example"])
    assert found == f"{other[1]} is not the key of {one[0]}"


def test_an_encrypted_key(tmp_path: Path) -> None:
    files = write(tmp_path, "a", "shop.example", password=b"secret")
    assert certificate_problem(*files, ["shop.example"]).startswith(f"{files[1]} is encrypted")


def test_files_that_are_missing_or_something_else(tmp_path: Path) -> None:
    certificate, key = write(tmp_path, "a", "shop.example")
    missing = str(tmp_path / "none")
    assert certificate_problem(missing, key, []).startswith(f"{missing} cannot be read: ")
    Path(key).write_text("no key")
    assert certificate_problem(certificate, key, []).endswith("in PEM format")


def test_the_first_certificate_of_a_chain(tmp_path: Path) -> None:
    one, other = write(tmp_path, "a", "a.example")[0], write(tmp_path, "b", "b.example")[0]
    chain = tmp_path / "chain.pem"
    chain.write_text(Path(one).read_text() + Path(other).read_text())
    assert first_certificate(str(chain)) == first_certificate(one) != b""
