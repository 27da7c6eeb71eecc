"""Checks of other machines that the host uses: its certificate, the mail server."""

from __future__ import annotations

import datetime
import socket
import ssl
import warnings
from collections.abc import Iterator

from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.project_settings import error_text
from django_deploykit.checks.subject import Subject
from django_deploykit.time_limits import NoAnswerError, within

_LOCAL = ("localhost", "127.0.0.1", "[::1]", "*")
_DAYS = 21


@check("W214")
def certificate_expires(subject: Subject) -> Iterator[Finding]:
    """The certificate of a host name is not valid, or expires within three weeks.

    Browsers then refuse the site.
    """
    if subject.topology.tls == "none" or subject.local:
        return
    names = [str(one) for one in settings.ALLOWED_HOSTS]
    for name in [one for one in names if one not in _LOCAL and not one.startswith(".")]:
        try:
            days = within(subject.limit / 4, lambda name=name: certificate_days(name))  # type: ignore[misc]
        except ssl.SSLCertVerificationError as error:
            yield Finding(
                f"the certificate of {name} is not valid: {error.verify_message}",
                "Renew it, and see that the web server sends the whole chain.",
            )
        except (OSError, NoAnswerError) as error:
            raise Undecided(f"{name} cannot be reached from here: {error}") from None
        else:
            if days < _DAYS:
                yield Finding(
                    f"the certificate of {name} expires in {days} days",
                    "Renew it, and see why it was not renewed automatically.",
                )


def certificate_days(name: str, port: int = 443, context: ssl.SSLContext | None = None) -> int:
    """Return in how many days the certificate of a host expires."""
    context = context or ssl.create_default_context()
    with (
        socket.create_connection((name, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = secured.getpeercert() or {}
    end = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    now = datetime.datetime.now(tz=datetime.timezone.utc).timestamp()
    return int((end - now) // 86400)


@check("W712")
def refused_mail(subject: Subject) -> Iterator[Finding]:
    """The mail server cannot be reached, or refuses the login.

    No message is sent: the check connects, logs in, and disconnects.
    """
    with warnings.catch_warnings():  # Django 6.1 deprecates EMAIL_BACKEND
        warnings.simplefilter("ignore")
        try:
            problem = within(subject.limit / 2, _mail_problem)
        except NoAnswerError as error:
            problem = str(error)
    if problem:
        yield Finding(
            f"the mail server cannot be used: {problem}",
            "Check the host, the port, the user and the password of the mail settings.",
            "MAILERS" if hasattr(settings, "MAILERS") else "EMAIL_HOST",
        )


def _mail_problem() -> str:
    """Return why the default mailer cannot log in, or an empty string. Others than SMTP can."""
    from django.core import mail
    from django.core.mail.backends.smtp import EmailBackend

    made = getattr(mail, "mailers", None)
    backend = (
        made["default"] if made and getattr(settings, "MAILERS", None) else mail.get_connection()
    )
    if not isinstance(backend, EmailBackend):
        return ""
    backend.timeout = min(backend.timeout or 5, 5)
    try:
        backend.open()
        backend.close()
    except OSError as error:  # smtplib's errors are OSErrors, too
        return error_text(error)
    return ""
