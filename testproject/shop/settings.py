"""Settings of the shop: everything that differs between machines comes through ``config``."""

from pathlib import Path

from django_deploykit.conf import Config

config = Config("shop")
BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = config.bool("DEBUG", default=False, help="Show error pages for developers")
SECRET_KEY = config.secret("SECRET_KEY", help="Signs sessions and links; keep it to yourself")
ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = config.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django_deploykit",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
WSGI_APPLICATION = "shop.wsgi.application"

DATABASES = {
    "default": config.database(
        "DATABASE_URL",
        default=f"sqlite:///{config.data / 'shop.sqlite3'}"
        "?transaction_mode=IMMEDIATE&timeout=20&init_command=PRAGMA journal_mode=WAL",
        help="Where the shop keeps its data",
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_URL = "media/"
MEDIA_ROOT = config.data / "media"

# A proxy in front speaks TLS; a release on a laptop has none.
SECURE = config.bool(
    "SECURE", default=not config.local, help="The site is reached through HTTPS only"
)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SECURE
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SECURE_HSTS_SECONDS = 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_REDIRECT_EXEMPT = [r"^up$"]

ADMINS = [("Shop", config.str("ADMIN_EMAIL", default="shop@example.org"))]
SERVER_EMAIL = DEFAULT_FROM_EMAIL = config.str("FROM_EMAIL", default="shop@example.org")
globals().update(config.email(default="smtp://mail.example.org:25?timeout=10"))

LOGGING = config.logging(config.choice("LOG_LEVEL", ["DEBUG", "INFO", "WARNING"], default="INFO"))

SHOP_CURRENCY = config.str("SHOP_CURRENCY", default="EUR", help="The currency of all prices")
