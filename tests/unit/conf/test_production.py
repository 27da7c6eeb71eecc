"""The settings of production: LOGGING writes to standard error and mails errors."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

from tests.unit.conf.configs import make

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


def test_errors_are_logged_once_and_mailed_except_for_wrong_host_headers() -> None:
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


def test_production_has_https_unless_switched_off(tmp_path: Path) -> None:
    found = make(tmp_path).production()
    assert found["SECURE_SSL_REDIRECT"] is found["SESSION_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] == 3600
    assert found["LOGGING"]["root"]["handlers"] == ["console"]
    for env in ({"DEBUG": "1"}, {"DEPLOYKIT_ENVIRONMENT": "local"}, {"SECURE": "no"}):
        plain = make(tmp_path, **env).production()
        assert plain["SECURE_SSL_REDIRECT"] is plain["CSRF_COOKIE_SECURE"] is False
        assert plain["SECURE_HSTS_SECONDS"] == 0


def test_the_line_of_the_settings_reads_what_production_reads(tmp_path: Path) -> None:
    config = make(tmp_path)
    frame = inspect.currentframe()
    assert frame is not None
    first = frame.f_lineno + 1
    config.bool("SECURE", default=True)
    config.production()
    assert [(one.env, one.where) for one in config.declarations] == [
        ("SECURE", f"{__file__}:{first}"),
        ("SECURE_HSTS_SECONDS", f"{__file__}:{first + 1}"),
        ("SECURE_HSTS_INCLUDE_SUBDOMAINS", f"{__file__}:{first + 1}"),
    ]
