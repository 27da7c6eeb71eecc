"""LOGGING as ``config.logging()`` returns it: what is said, what is mailed, and that nobody waits."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from unittest.mock import patch

import pytest
from django.test import override_settings

from django_deploykit.conf import admin_mail
from django_deploykit.conf.admin_mail import PostedAdminEmailHandler

_SCRIPT = """
import logging, django
from django.conf import settings
from django_deploykit.conf.production import logging as logging_of
settings.configure(
    SECRET_KEY="x", LOGGING=logging_of(), ADMINS=[("Ann", "ann@example.org")],
    EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend",
)
django.setup()
logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: 'scan'.")
logging.getLogger("django.request").error("Internal Server Error: /buy")
logging.getLogger("django.request").warning("Not Found: /x")
"""


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("django.request", logging.ERROR, __file__, 1, text, None, None)


def test_errors_are_said_once_and_mailed_but_not_wrong_host_headers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.splitlines() == [
        "ERROR django.security.DisallowedHost: Invalid HTTP_HOST header: 'scan'.",
        "ERROR django.request: Internal Server Error: /buy",
        "WARNING django.request: Not Found: /x",
    ]
    assert done.stdout.count("Subject: ") == 1
    assert "Subject: [Django] ERROR: Internal Server Error: /buy" in done.stdout


@override_settings(ADMINS=[("Ann", "ann@example.org")])
def test_no_request_waits_for_a_mail_server_that_is_away() -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        asked.set()
        answer.wait(30)

    handler = PostedAdminEmailHandler()
    with patch("django.utils.log.mail.mail_admins", hang):
        handler.emit(_record("the first"))
        assert asked.wait(30)
        for number in range(admin_mail._WAITING + 5):  # more than fit are dropped, not waited for
            handler.emit(_record(f"number {number}"))
        assert not answer.is_set()
        answer.set()
        handler._mails.join()


@override_settings(ADMINS=[("Ann", "ann@example.org")])
def test_a_mail_that_cannot_be_sent_is_told_by_the_log(caplog: pytest.LogCaptureFixture) -> None:
    handler = PostedAdminEmailHandler()
    with patch("django.utils.log.mail.mail_admins", side_effect=OSError("no route to host")):
        handler.emit(_record("it broke"))
        handler._mails.join()
    assert "no mail to ADMINS: no route to host" in caplog.text
