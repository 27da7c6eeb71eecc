"""Cases of the topic ``database``: databases."""

from __future__ import annotations

from tests.unit.checks.cases.made import POSTGRES, SQLITE, Case, Cases, databases, procfile

CASES: Cases = {
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
}
