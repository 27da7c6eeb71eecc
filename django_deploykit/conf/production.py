"""Settings for every site in production (pure)."""

from __future__ import annotations

from django_deploykit.conf.readers import Entry


def logging(level: str = "INFO") -> Entry:
    """Return LOGGING that sends everything to standard error, which systemd's journal stores.

    Errors are mailed to ADMINS as with Django's own LOGGING, but no request waits for the mail
    server. A wrong Host header is logged but not mailed, because any scanner sends one.
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


def settings(*, secure: bool, hsts: int, subdomains: bool) -> Entry:
    """Return settings for a site behind a proxy. ``secure``: HTTPS only; ``hsts``: in seconds."""
    return {
        "LOGGING": logging(),
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_SSL_REDIRECT": secure,
        "SESSION_COOKIE_SECURE": secure,
        "CSRF_COOKIE_SECURE": secure,
        "SECURE_HSTS_SECONDS": hsts if secure else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": secure and subdomains,
    }
