"""A project for one check to look at, and what many of them are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KEY = "kT3v_0zQm9sXf2LrWn7Yb4Hd8Pc1Jg6Ua5Eo-iBqRtVxZwNyMkSl"
TEMPLATES = {"BACKEND": "django.template.backends.django.DjangoTemplates"}
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/shop/db.sqlite3"}
POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "shop",
    "USER": "shop",
    "PASSWORD": "7c2f-long",
    "HOST": "db.example.com",
    "OPTIONS": {"sslmode": "verify-full"},
}
LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REDIS = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://cache:6379/1",
    }
}
CONSOLE = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"]},
}
SMTP = "django.core.mail.backends.smtp.EmailBackend"  # the tests themselves send no mail
HTTPS = {"SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "LANGUAGE_COOKIE_SECURE": True}


@dataclass(frozen=True)
class Case:
    """``settings`` overrides, ``files`` of the project by name, and how the subject differs."""

    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    subject: dict[str, Any] = field(default_factory=dict)


def log(handler: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return LOGGING with one handler."""
    return {"version": 1, "handlers": {"one": handler}, "root": {"handlers": ["one"]}, **more}


def procfile(text: str) -> Case:
    """Return a project with this Procfile."""
    return Case(files={"Procfile": text})


def setting(**settings: Any) -> Case:
    """Return a project with these settings."""
    return Case(settings=settings)


def databases(entry: dict[str, Any], **more: Any) -> Case:
    """Return a project with one database."""
    return setting(DATABASES={"default": {**entry, **more}})


MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("{app}", "0001_initial")]
"""
WSGI = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'

# Cases of a topic by id: those that the check finds, and those that it does not.
Cases = dict[str, tuple[list[Case], list[Case]]]
