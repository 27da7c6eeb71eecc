"""For every check that needs no server: what makes it speak, and what keeps it silent."""

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

# id: (cases that it finds, cases that it does not)
CASES: dict[str, tuple[list[Case], list[Case]]] = {
    "E101": (
        [setting(DEBUG=True), setting(DEBUG="False"), setting(DEBUG=0)],
        [setting(DEBUG=False)],
    ),
    "E102": (
        [
            setting(SECRET_KEY=key)
            for key in ("django-insecure-" + KEY, "change-me", "x" * 60, "abc" * 20)
        ],
        [setting(SECRET_KEY=KEY), setting(SECRET_KEY=KEY.encode())],
    ),
    "W105": (
        [
            setting(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=[KEY]),
            setting(SECRET_KEY_FALLBACKS=list("abcd")),
        ],
        [setting(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=["older"])],
    ),
    "E106": (
        [
            Case(
                {"WSGI_APPLICATION": "mysite.wsgi.application"},
                {"mysite/wsgi.py": WSGI.format("mysite.settings.dev")},
            ),
            Case(
                {
                    "WSGI_APPLICATION": "mysite.wsgi.application",
                    "ASGI_APPLICATION": "mysite.asgi.application",
                },
                {
                    "mysite/wsgi.py": WSGI.format("mysite.a"),
                    "mysite/asgi.py": WSGI.format("mysite.b"),
                },
            ),
        ],
        [
            Case(
                {"WSGI_APPLICATION": "mysite.wsgi.application"},
                {
                    "mysite/wsgi.py": WSGI.format("mysite.settings"),
                    "manage.py": WSGI.format("mysite.settings.dev"),
                },
            )
        ],
    ),
    "E107": (
        [
            setting(WSGI_APPLICATION="nowhere.wsgi.application"),
            setting(WSGI_APPLICATION="json.nothing"),
        ],
        [setting(WSGI_APPLICATION="json.loads"), setting(WSGI_APPLICATION=None)],
    ),
    "W108": (
        [
            setting(DEBUG_PROPAGATE_EXCEPTIONS=True),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"string_if_invalid": "??"}}]),
            setting(TEMPLATES=[{**TEMPLATES, "OPTIONS": {"debug": True}}]),
        ],
        [setting(TEMPLATES=[TEMPLATES])],
    ),
    "E109": (
        [
            setting(MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"]),
            setting(MIDDLEWARE=["silk.middleware.SilkyMiddleware"]),
        ],
        [setting(MIDDLEWARE=["django.middleware.security.SecurityMiddleware"])],
    ),
    "W111": (
        [
            setting(SILENCED_SYSTEM_CHECKS=["deploykit.E999"]),
            setting(SILENCED_SYSTEM_CHECKS=["all of them"]),
        ],
        [setting(SILENCED_SYSTEM_CHECKS=["deploykit.W310", "security.W004"])],
    ),
    "W112": (
        [
            setting(
                MIDDLEWARE=[
                    "whitenoise.middleware.WhiteNoiseMiddleware",
                    "django.middleware.security.SecurityMiddleware",
                ]
            )
        ],
        [
            setting(
                MIDDLEWARE=[
                    "django.middleware.security.SecurityMiddleware",
                    "whitenoise.middleware.WhiteNoiseMiddleware",
                ]
            )
        ],
    ),
    "W201": ([setting(ALLOWED_HOSTS=["*"])], [setting(ALLOWED_HOSTS=["shop.example.org"])]),
    "E202": (
        [
            setting(ALLOWED_HOSTS=[host])
            for host in (
                "https://example.org",
                "example.org:80",
                "'example.org'",
                "example.org/",
                "a b",
            )
        ],
        [setting(ALLOWED_HOSTS=["example.org", ".example.org", "[::1]", "*"])],
    ),
    "W203": (
        [Case({"ALLOWED_HOSTS": ["localhost", "shop.example.com"]}, subject={"server": True})],
        [
            Case({"ALLOWED_HOSTS": ["localhost", "shop.de"]}, subject={"server": True}),
            setting(ALLOWED_HOSTS=["localhost"]),
        ],
    ),
    "E204": (
        [
            setting(CSRF_TRUSTED_ORIGINS=["https://example.org/"]),
            setting(CSRF_TRUSTED_ORIGINS=["example.org"]),
            setting(CSRF_TRUSTED_ORIGINS=["http://example.org"], CSRF_COOKIE_SECURE=True),
        ],
        [setting(CSRF_TRUSTED_ORIGINS=["https://example.org", "https://*.example.org"])],
    ),
    "W207": (
        [
            Case(
                {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
                {"deploykit.ini": "[check]\ntls = django\n"},
            )
        ],
        [setting(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))],
    ),
    "E208": (
        [
            setting(SECURE_PROXY_SSL_HEADER=("X-Forwarded-Proto", "https")),
            setting(SECURE_PROXY_SSL_HEADER="HTTP_X_FORWARDED_PROTO"),
        ],
        [setting(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))],
    ),
    "E209": (
        [setting(SECURE_REDIRECT_EXEMPT=["^/up$"]), setting(SECURE_REDIRECT_EXEMPT=["/up"])],
        [setting(SECURE_REDIRECT_EXEMPT=["^up$"])],
    ),
    "W210": (
        [procfile("web: gunicorn shop.wsgi --bind 0.0.0.0:8000\n")],
        [
            procfile("web: gunicorn shop.wsgi --bind 127.0.0.1:8000\n"),
            procfile(
                "web: gunicorn shop.wsgi --bind 0.0.0.0:8000 --forwarded-allow-ips 10.0.0.1\n"
            ),
        ],
    ),
    "W211": (
        [
            setting(
                SECURE_HSTS_PRELOAD=True,
                SECURE_HSTS_SECONDS=3600,
                SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
            )
        ],
        [
            setting(
                SECURE_HSTS_PRELOAD=True,
                SECURE_HSTS_SECONDS=31536000,
                SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
            ),
            setting(SECURE_HSTS_SECONDS=3600),
        ],
    ),
    "W215": (
        [Case({"USE_X_FORWARDED_HOST": True}, {"deploykit.ini": "[check]\ntls = none\n"})],
        [setting(USE_X_FORWARDED_HOST=True)],
    ),
    "E301": (
        [setting(SESSION_COOKIE_SAMESITE="None")],
        [setting(SESSION_COOKIE_SAMESITE="None", SESSION_COOKIE_SECURE=True)],
    ),
    "E302": (
        [setting(SESSION_COOKIE_DOMAIN="other.org", ALLOWED_HOSTS=["shop.example.org"])],
        [setting(SESSION_COOKIE_DOMAIN=".example.org", ALLOWED_HOSTS=["shop.example.org"])],
    ),
    "E303": (
        [
            setting(SESSION_COOKIE_NAME="__Host-id"),
            setting(SESSION_COOKIE_NAME="__Host-id", SESSION_COOKIE_DOMAIN="example.org", **HTTPS),
        ],
        [setting(SESSION_COOKIE_NAME="__Host-id", **HTTPS)],
    ),
    "E304": (
        [setting(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])],
        [
            setting(
                PASSWORD_HASHERS=[
                    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
                    "django.contrib.auth.hashers.MD5PasswordHasher",
                ]
            )
        ],
    ),
    "W305": (
        [
            setting(
                INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                AUTH_PASSWORD_VALIDATORS=[],
            )
        ],
        [
            setting(INSTALLED_APPS=[]),
            setting(
                INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                AUTH_PASSWORD_VALIDATORS=[{"NAME": "x"}],
            ),
        ],
    ),
    "W310": ([setting(SESSION_COOKIE_AGE=86400 * 400)], [setting(SESSION_COOKIE_AGE=86400 * 14)]),
    "E311": (
        [setting(SESSION_SERIALIZER="django.contrib.sessions.serializers.PickleSerializer")],
        [setting(SESSION_SERIALIZER="django.contrib.sessions.serializers.JSONSerializer")],
    ),
    "E401": (
        [
            databases(SQLITE, NAME="db.sqlite3"),
            databases(SQLITE, NAME=":memory:"),
            databases(SQLITE, NAME="{root}/db.sqlite3"),
        ],
        [databases(SQLITE), databases(POSTGRES)],
    ),
    "E409": (
        [
            Case(
                {"DATABASES": {"default": {**POSTGRES, "CONN_MAX_AGE": 60}}},
                {"deploykit.ini": "[check]\nserver = asgi\n"},
            )
        ],
        [databases(POSTGRES, CONN_MAX_AGE=60)],
    ),
    "W410": (
        [databases(POSTGRES, CONN_MAX_AGE=60), databases(POSTGRES, CONN_MAX_AGE=None)],
        [databases(POSTGRES, CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True), databases(POSTGRES)],
    ),
    "E411": (
        [databases(POSTGRES, CONN_MAX_AGE=60, OPTIONS={"pool": True})],
        [databases(POSTGRES, CONN_MAX_AGE=0, OPTIONS={"pool": True})],
    ),
    "W414": (
        [databases(POSTGRES, OPTIONS={})],
        [
            databases(POSTGRES),
            databases(POSTGRES, HOST="10.0.0.5", OPTIONS={}),
            databases(POSTGRES, HOST="/run/postgresql", OPTIONS={}),
        ],
    ),
    "W415": (
        [databases(POSTGRES, PASSWORD=""), databases(POSTGRES, PASSWORD="postgres")],
        [databases(POSTGRES), databases(POSTGRES, HOST="", PASSWORD="")],
    ),
    "W417": (
        [procfile("web: python manage.py migrate && gunicorn shop.wsgi\n")],
        [procfile("release: python manage.py migrate\nweb: gunicorn shop.wsgi\n")],
    ),
    "W501": ([setting(CACHES=LOCMEM)], [setting(CACHES=REDIS), Case()]),
    "E502": (
        [setting(SESSION_ENGINE="django.contrib.sessions.backends.cache", CACHES=LOCMEM)],
        [
            setting(SESSION_ENGINE="django.contrib.sessions.backends.cached_db", CACHES=LOCMEM),
            setting(SESSION_ENGINE="django.contrib.sessions.backends.cache", CACHES=REDIS),
        ],
    ),
    "W506": (
        [
            setting(
                CACHES={
                    "default": {**REDIS["default"], "LOCATION": "redis://cache.example.com:6379"}
                }
            )
        ],
        [
            setting(CACHES=REDIS),
            setting(
                CACHES={
                    "default": {
                        **REDIS["default"],
                        "LOCATION": "rediss://:pw@cache.example.com:6379",
                    }
                }
            ),
        ],
    ),
    "E507": (
        [
            setting(CELERY_TASK_ALWAYS_EAGER=True),
            setting(
                TASKS={"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
            ),
        ],
        [setting(CELERY_TASK_ALWAYS_EAGER=False)],
    ),
    "E701": (
        [
            setting(EMAIL_BACKEND=f"django.core.mail.backends.{kind}.EmailBackend")
            for kind in ("console", "filebased", "locmem", "dummy")
        ],
        [setting(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend")],
    ),
    "W702": (
        [
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org"),
            setting(ADMINS=[("A", "a@example.org")]),
        ],
        [
            setting(),
            setting(
                EMAIL_HOST="mail.example.org", DEFAULT_FROM_EMAIL="a@b.org", SERVER_EMAIL="a@b.org"
            ),
        ],
    ),
    "W703": (
        [setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org")],
        [setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="mail.example.org", EMAIL_TIMEOUT=10), setting()],
    ),
    "E704": (
        [
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=465, EMAIL_USE_TLS=True),
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=587, EMAIL_USE_SSL=True),
        ],
        [
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=465, EMAIL_USE_SSL=True),
            setting(EMAIL_BACKEND=SMTP, EMAIL_HOST="m", EMAIL_PORT=587, EMAIL_USE_TLS=True),
        ],
    ),
    "E705": (
        [
            databases({"ENGINE": "django.db.backends.oracle", "NAME": "x"}),
            setting(
                CACHES={"default": {"BACKEND": "django.core.cache.backends.memcached.PyLibMCCache"}}
            ),
        ],
        [databases(SQLITE), setting(CACHES=LOCMEM)],
    ),
    "E601": (
        [setting(INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT=None)],
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_ROOT="{root}/staticfiles"
            ),
            setting(STATIC_ROOT=None),
        ],
    ),
    "E602": (
        [
            Case(
                {
                    "STATIC_ROOT": "{root}/staticfiles",
                    "STORAGES": {
                        "staticfiles": {
                            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
                        }
                    },
                },
                subject={"server": True},
            )
        ],
        [
            Case(
                {
                    "STATIC_ROOT": "{root}/staticfiles",
                    "STORAGES": {
                        "staticfiles": {
                            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
                        }
                    },
                },
                {"staticfiles/staticfiles.json": '{"paths": {"a.css": "a.1.css"}}'},
                {"server": True},
            )
        ],
    ),
    "E603": (
        [
            Case(
                {
                    "INSTALLED_APPS": ["django.contrib.staticfiles"],
                    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
                    "STATIC_URL": "static/",
                },
                {"templates/a.html": "{% load static %}\n{% static 'no/such.css' %}"},
            )
        ],
        [
            Case(
                {
                    "INSTALLED_APPS": ["django.contrib.staticfiles"],
                    "TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}],
                    "STATICFILES_DIRS": ["{root}/assets"],
                    "STATIC_URL": "static/",
                },
                {
                    "templates/a.html": "{% load static %}{% static 'a.css' %}{% static name %}",
                    "assets/a.css": "",
                },
            )
        ],
    ),
    "E605": (
        [
            setting(MEDIA_ROOT="{root}/media"),
            setting(MEDIA_ROOT="/srv/x/media", STATIC_ROOT="/srv/x"),
            setting(MEDIA_ROOT="/srv/x", STATIC_ROOT="/srv/x/static"),
        ],
        [
            setting(MEDIA_ROOT="/var/lib/shop/media", STATIC_ROOT="{root}/static"),
            setting(MEDIA_ROOT=""),
        ],
    ),
    "W607": (
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="/static/", MIDDLEWARE=[]
            )
        ],
        [
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"],
                STATIC_URL="/static/",
                MIDDLEWARE=["whitenoise.middleware.WhiteNoiseMiddleware"],
            ),
            setting(
                INSTALLED_APPS=["django.contrib.staticfiles"],
                STATIC_URL="https://cdn.example.org/",
                MIDDLEWARE=[],
            ),
        ],
    ),
    "E608": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/a.html": "{% if %}"},
            )
        ],
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/a.html": "{% if a %}{% endif %}"},
            )
        ],
    ),
    "E609": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "{% include missing.name %}"},
            )
        ],
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "sorry"},
            )
        ],
    ),
    "W611": (
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "sorry"},
            )
        ],
        [
            Case(
                {"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]},
                {"templates/500.html": "", "templates/404.html": ""},
            ),
            Case({"TEMPLATES": [{**TEMPLATES, "DIRS": ["{root}/templates"]}]}),
        ],
    ),
    "W610": (
        [Case(subject={"tracked": ("locale/de/LC_MESSAGES/django.po",)})],
        [
            Case(
                subject={
                    "tracked": (
                        "locale/de/LC_MESSAGES/django.po",
                        "locale/de/LC_MESSAGES/django.mo",
                    )
                }
            ),
            Case(
                files={"deploykit.ini": "[bundle]\nbuild = python manage.py compilemessages\n"},
                subject={"tracked": ("locale/de/LC_MESSAGES/django.po",)},
            ),
        ],
    ),
    "E707": (
        [
            Case(),
            setting(LOGGING=log({"class": "logging.NullHandler"})),
            setting(
                LOGGING=log({"class": "logging.StreamHandler", "filters": ["require_debug_true"]})
            ),
        ],
        [setting(LOGGING=CONSOLE), setting(ADMINS=[("A", "a@example.org")])],
    ),
    "E708": (
        [
            setting(LOGGING=log({"class": "logging.FileHandler", "filename": "shop.log"})),
            setting(LOGGING=log({"class": "logging.FileHandler", "filename": "{root}/shop.log"})),
        ],
        [setting(LOGGING=log({"class": "logging.FileHandler", "filename": "/var/log/shop.log"}))],
    ),
    "W709": (
        [setting(LOGGING=log({"class": "logging.handlers.RotatingFileHandler", "filename": "/x"}))],
        [setting(LOGGING=log({"class": "logging.handlers.WatchedFileHandler", "filename": "/x"}))],
    ),
    "W711": (
        [setting(LOGGING={"version": 1, "loggers": {"django.db.backends": {"level": "DEBUG"}}})],
        [setting(LOGGING={"version": 1, "loggers": {"django.db.backends": {"level": "INFO"}}})],
    ),
    "E810": (
        [procfile("web: python manage.py runserver 0.0.0.0:$PORT\n")],
        [procfile("web: gunicorn shop.wsgi\n")],
    ),
    "W811": (
        [
            procfile("web: gunicorn shop.wsgi --reload\n"),
            procfile("web: gunicorn shop.wsgi -t 0\n"),
        ],
        [procfile("web: gunicorn shop.wsgi --timeout 30\n")],
    ),
    "E812": (
        [procfile("web: gunicorn nowhere.wsgi --workers 2\n")],
        [
            procfile("web: gunicorn --workers 2\n"),
            procfile("web: gunicorn tests.unit.checks.wsgi\n"),
        ],
    ),
    "E813": (
        [
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls"},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /nowhere\n"},
            )
        ],
        [
            Case(
                {"ROOT_URLCONF": "tests.unit.checks.urls"},
                {"deploykit.ini": "[environment:production]\nhosts = a\nhealth = /up\n"},
            )
        ],
    ),
    "W801": (
        [
            Case(
                files={"deploykit.ini": "[check]\nskip = W310 long sessions, until 2026-01-31\n"},
            )
        ],
        [Case(files={"deploykit.ini": "[check]\nskip = W310 long, until 2999-01-31\n"}), Case()],
    ),
    "W805": (
        [
            Case(subject={"tracked": (name,)})
            for name in (".env", "db.sqlite3", "conf/id_rsa", "backup.sql.gz", "tls/site.key")
        ],
        [
            Case(subject={"tracked": ("shop/settings.py", ".env.example", "tests/data/key.pem")}),
            Case(),
        ],
    ),
}
