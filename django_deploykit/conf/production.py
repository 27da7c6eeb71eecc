"""Settings that every site in production has (pure)."""

from __future__ import annotations

from typing import Any


def logging(level: str = "INFO") -> dict[str, Any]:
    """Return LOGGING that sends everything to standard error, where systemd's journal keeps it.

    Errors are mailed to ADMINS as by Django's own LOGGING, but no request waits for the mail
    server, and a wrong Host header, which any scanner sends, is worth a line and no mail.
    """
    style = {"format": "{levelname} {name}: {message}", "style": "{"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": style},
        "filters": {"served": {"()": "django.utils.log.RequireDebugFalse"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line"},
            "mail_admins": {
                "class": "django_deploykit.conf.admin_mail.PostedAdminEmailHandler",
                "level": "ERROR",
                "filters": ["served"],
            },
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": ["mail_admins"]},
            "django.security.DisallowedHost": {"handlers": ["console"], "propagate": False},
        },
    }


def settings(*, secure: bool, hsts: int, subdomains: bool) -> dict[str, Any]:
    """Return the settings of a site behind a proxy; ``secure``: HTTPS alone, ``hsts`` in seconds."""
    return {
        "LOGGING": logging(),
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_SSL_REDIRECT": secure,
        "SESSION_COOKIE_SECURE": secure,
        "CSRF_COOKIE_SECURE": secure,
        "SECURE_HSTS_SECONDS": hsts if secure else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": secure and subdomains,
    }
