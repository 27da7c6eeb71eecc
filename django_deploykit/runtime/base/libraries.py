"""Libraries of the system and drivers of databases: what errors say when one is missing."""

from __future__ import annotations

import re
from typing import Tuple

# What an import says without a library: a pattern, the library, and Debian's package with it.
_KNOWN: Tuple[Tuple[str, str, str], ...] = (
    (r"Could not find the GDAL library|libgdal\.so", "GDAL", "gdal-bin"),
    (r"Could not (?:find|import).*GEOS library|libgeos_c\.so", "GEOS", "gdal-bin"),
    (r"SpatiaLite", "SpatiaLite", "libsqlite3-mod-spatialite"),
    (r"libpq library not found|libpq\.so", "libpq", "libpq5"),
    (r"failed to find libmagic|libmagic\.so", "libmagic", "libmagic1"),
    (r"libmariadb\.so", "libmariadb", "libmariadb3"),
    (r"cannot load library '(?:gobject|libgobject|pango|libpango)", "Pango", "libpango-1.0-0"),
    (r"(?:library called|cannot load library) [\"']?(?:lib)?cairo", "Cairo", "libcairo2"),
)
# What Django says without a driver for a database: a pattern, the database, and a distribution.
_DRIVERS: Tuple[Tuple[str, str, str], ...] = (
    ("Error loading psycopg2 or psycopg module", "PostgreSQL", "psycopg[binary]"),
    ("Error loading MySQLdb module", "MySQL", "mysqlclient"),
    ("Error loading oracledb module", "Oracle", "oracledb"),
)
_NO_EXTENSIONS = "configured to allow extension loading"  # Django, of Python's SQLite
_SHARED = re.compile(r"\b(lib[\w.+-]*\.so[\w.]*): cannot open shared object file")


def missing_library_hint(error: str) -> str:
    """Return what to do if an error's text says that a library is missing, or an empty string.

    >>> missing_library_hint("ImportError: libmagic.so.1: cannot open shared object file: No such file")
    'libmagic is a library of the system, and no lock file has it: apt install libmagic1, here and on every host.'
    """
    if _NO_EXTENSIONS in error:
        return (
            "This Python was built without loadable extensions of SQLite, which SpatiaLite needs. Use "
            "one that has them, here and on every host, such as the python3 of Debian."
        )
    for pattern, name, package in _DRIVERS:
        if pattern in error:
            return (
                f"The configuration names {name}, and no driver for it is installed: name another "
                f"database there (DATABASE_URL), or add {package} to the project's lock file."
            )
    for pattern, name, package in _KNOWN:
        if re.search(pattern, error):
            return _hint(name, f"apt install {package}")
    match = _SHARED.search(error)
    return _hint(match[1], "install the package that has it") if match else ""


def _hint(name: str, way: str) -> str:
    return f"{name} is a library of the system, and no lock file has it: {way}, here and on every host."
