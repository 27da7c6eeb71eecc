"""Checks of other machines that the host uses."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import override_settings

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.server import network
from django_deploykit.checks.server.network import certificate_days
from tests.unit.checks.cases import SMTP, run_check


def certificate(folder: Path, days: int) -> Path:
    """Write a certificate for localhost that expires in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(tz=datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "site.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_reads_when_a_certificate_expires(tmp_path: Path) -> None:
    path = certificate(tmp_path, 30)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cafile=str(path))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            plain, _ = listening.accept()
            with (
                contextlib.suppress(ConnectionResetError),  # the client closes it
                server.wrap_socket(plain, server_side=True) as secured,
            ):
                secured.recv(1)

        thread = threading.Thread(target=accept)
        thread.start()
        assert certificate_days("localhost", listening.getsockname()[1], client) == 30
        thread.join()


@pytest.mark.parametrize(("days", "count"), [(30, 0), (21, 0), (20, 1), (-1, 1)])
def test_a_certificate_that_expires_is_found(
    days: int, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "certificate_days", lambda _: days)
    with override_settings(ALLOWED_HOSTS=["www.example.com", ".example.com", "localhost"]):
        assert len(run_check("W214", tmp_path)) == count
        assert run_check("W214", tmp_path, local=True) == []


def test_a_certificate_that_is_not_valid_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> int:
        error = ssl.SSLCertVerificationError("x")
        error.verify_message = "certificate has expired"
        raise error

    monkeypatch.setattr(network, "certificate_days", refuse)
    with override_settings(ALLOWED_HOSTS=["www.example.com"]):
        (found,) = run_check("W214", tmp_path)
    assert found.message.endswith("is not valid: certificate has expired")


def test_a_host_name_that_does_not_answer_is_not_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> int:
        raise OSError("no route")

    monkeypatch.setattr(network, "certificate_days", fail)
    with override_settings(ALLOWED_HOSTS=["www.example.com"]), pytest.raises(Undecided):
        run_check("W214", tmp_path)


def test_a_mail_server_that_does_not_answer_is_found(silent: int, tmp_path: Path) -> None:
    mail = {"EMAIL_BACKEND": SMTP, "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": silent}
    with override_settings(**mail):
        (found,) = run_check("W712", tmp_path, limit=0.4)
    assert found.message == "the mail server cannot be used: no answer within 0.2 s"


def test_a_mail_server_that_refuses_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            plain, _ = listening.accept()
            plain.sendall(b"554 go away\r\n")
            plain.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        port = listening.getsockname()[1]
        with override_settings(EMAIL_BACKEND=SMTP, EMAIL_HOST="127.0.0.1", EMAIL_PORT=port):
            (found,) = run_check("W712", tmp_path)
        thread.join()
    assert "554" in found.message


def test_mail_that_is_not_sent_by_smtp_is_not_tried(tmp_path: Path) -> None:
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        assert run_check("W712", tmp_path) == []
