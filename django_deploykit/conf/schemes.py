"""The schemes of URLs, and the backends of Django's settings that they stand for.

They are those of dj-database-url, django-environ and dj-email-url, and some of our own. Where the
names of two libraries differ, it is the backend that is maintained.
"""

from __future__ import annotations

_POSTGRESQL = "django.db.backends.postgresql"
_POSTGIS = "django.contrib.gis.db.backends.postgis"
_MYSQL = "django.db.backends.mysql"
_SQLITE = "django.db.backends.sqlite3"
_SPATIALITE = "django.contrib.gis.db.backends.spatialite"
_PROMETHEUS = "django_prometheus.db.backends"

DATABASES = {
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "pgsql": _POSTGRESQL,
    "psql": _POSTGRESQL,
    "postgis": _POSTGIS,
    "timescale": "timescale.db.backends.postgresql",
    "timescalegis": "timescale.db.backends.postgis",
    "redshift": "django_redshift_backend",
    "cockroach": "django_cockroachdb",
    "cockroachdb": "django_cockroachdb",
    "mysql": _MYSQL,
    "mysql2": _MYSQL,
    "mariadb": _MYSQL,
    "mysqlgis": "django.contrib.gis.db.backends.mysql",
    "mysql-connector": "mysql.connector.django",
    "oracle": "django.db.backends.oracle",
    "oraclegis": "django.contrib.gis.db.backends.oracle",
    "mssql": "mssql",
    "mssqlms": "mssql",
    "pyodbc": "sql_server.pyodbc",
    "sqlite": _SQLITE,
    "sqlite3": _SQLITE,
    "spatialite": _SPATIALITE,
    "prometheus_postgresql": f"{_PROMETHEUS}.postgresql",
    "prometheus_postgis": f"{_PROMETHEUS}.postgis",
    "prometheus_mysql": f"{_PROMETHEUS}.mysql",
    "prometheus_sqlite": f"{_PROMETHEUS}.sqlite3",
    "prometheus_spatialite": f"{_PROMETHEUS}.spatialite",
}
_REDIS = "django.core.cache.backends.redis.RedisCache"
_PYMEMCACHE = "django.core.cache.backends.memcached.PyMemcacheCache"
_FILES = "django.core.cache.backends.filebased.FileBasedCache"
_TABLE = "django.core.cache.backends.db.DatabaseCache"
_LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
_DUMMY = "django.core.cache.backends.dummy.DummyCache"
CACHES = {
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "rediscache": _REDIS,
    "valkey": _REDIS,
    "valkeys": _REDIS,
    "memcached": _PYMEMCACHE,
    "memcache": _PYMEMCACHE,
    "pymemcache": _PYMEMCACHE,
    "pylibmc": "django.core.cache.backends.memcached.PyLibMCCache",
    "file": _FILES,
    "filecache": _FILES,
    "db": _TABLE,
    "dbcache": _TABLE,
    "locmem": _LOCMEM,
    "locmemcache": _LOCMEM,
    "dummy": _DUMMY,
    "dummycache": _DUMMY,
}
# What redis-py calls the schemes of servers that it connects to.
REDIS = {
    "redis": "redis",
    "rediscache": "redis",
    "valkey": "redis",
    "rediss": "rediss",
    "valkeys": "rediss",
    "unix": "unix",
}
_SMTP = "django.core.mail.backends.smtp.EmailBackend"
_CONSOLE = "django.core.mail.backends.console.EmailBackend"
_MAILS = "django.core.mail.backends.filebased.EmailBackend"
_MEMORY = "django.core.mail.backends.locmem.EmailBackend"
_NOWHERE = "django.core.mail.backends.dummy.EmailBackend"
MAILERS = {
    "smtp": _SMTP,
    "smtps": _SMTP,
    "smtp+ssl": _SMTP,
    "smtp+tls": _SMTP,
    "submission": _SMTP,
    "submit": _SMTP,
    "console": _CONSOLE,
    "consolemail": _CONSOLE,
    "file": _MAILS,
    "filemail": _MAILS,
    "locmem": _MEMORY,
    "memory": _MEMORY,
    "memorymail": _MEMORY,
    "dummy": _NOWHERE,
    "dummymail": _NOWHERE,
}
_TABLES = {"database": DATABASES, "cache": CACHES, "email": MAILERS}


def register(scheme: str, backend: str, *, kind: str = "database") -> None:
    """Add a scheme: ``register("duckdb", "django_duckdb")``, before the settings are read.

    ``backend`` is an ENGINE of DATABASES, or a BACKEND with ``kind="cache"`` or ``"email"``. Raise
    :class:`ValueError` if the scheme or the kind cannot be one.
    """
    if kind not in _TABLES:
        raise ValueError(f"register(kind={kind!r}): expected one of {', '.join(_TABLES)}")
    if not scheme[:1].isalpha() or not all(one.isalnum() or one in "+-._" for one in scheme):
        raise ValueError(
            f"register({scheme!r}): expected a scheme of letters, digits, +, -, . and _"
        )
    _TABLES[kind][scheme.lower()] = backend
