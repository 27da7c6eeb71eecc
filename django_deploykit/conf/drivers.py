"""The databases that a project can use: those whose drivers are installed with it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

# The form of a URL, and the modules of which Django needs one.
_FORMS = (
    ("postgres://user:password@host:5432/name", ("psycopg", "psycopg2")),
    ("mysql://user:password@host:3306/name", ("MySQLdb", "pymysql")),
    ("oracle://user:password@host:1521/name", ("oracledb", "cx_Oracle")),
    ("sqlite:////var/lib/{app}/db.sqlite3", ("sqlite3",)),
)


def is_installed(module: str) -> bool:
    """Whether a top-level module can be imported."""
    return find_spec(module) is not None


def database_help(app: str, installed: Callable[[str], bool] = is_installed) -> str:
    """Return the description of a database's URL, only with databases that have a driver here."""
    forms = [form for form, modules in _FORMS if any(map(installed, modules))]
    shown = " or ".join(forms).replace("{app}", app or "PROJECT")
    return f"A URL such as {shown}" if forms else "A URL; no driver of a database is installed"
