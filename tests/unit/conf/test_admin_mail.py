"""Mail to ADMINS does not delay requests."""

from __future__ import annotations

import logging
import threading
from unittest.mock import patch

import pytest
from django.test import override_settings

from django_deploykit.conf import admin_mail
from django_deploykit.conf.admin_mail import PostedAdminEmailHandler


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("django.request", logging.ERROR, __file__, 1, text, None, None)


@override_settings(ADMINS=[("Ann", "ann@example.org")])
def test_no_request_waits_for_an_unreachable_mail_server() -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        asked.set()
        answer.wait(60)

    handler = PostedAdminEmailHandler()
    with patch("django.utils.log.mail.mail_admins", hang):
        handler.emit(_record("the first"))
        assert asked.wait(60)
        for number in range(admin_mail._WAITING + 5):  # more than fit are dropped, not waited for
            handler.emit(_record(f"number {number}"))
        assert not answer.is_set()
        answer.set()
        handler._mails.join()


@override_settings(ADMINS=[("Ann", "ann@example.org")])
def test_a_mail_that_cannot_be_sent_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    handler = PostedAdminEmailHandler()
    with patch("django.utils.log.mail.mail_admins", side_effect=OSError("no route to host")):
        handler.emit(_record("it broke"))
        handler._mails.join()
    assert "no mail to ADMINS: no route to host" in caplog.text
