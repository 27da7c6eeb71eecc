"""What is said about libraries of the system that are missing."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.libraries import missing_library_hint

# As the packages say it.
ERRORS = {
    'Could not find the GDAL library (tried "gdal", "gdal3.8.0"). Is GDAL installed? If it is, '
    "try setting GDAL_LIBRARY_PATH in your settings.": "GDAL",
    'Could not find the GEOS library (tried "geos_c", "GEOS"). Try setting GEOS_LIBRARY_PATH.': "GEOS",
    'Unable to load the SpatiaLite library extension. Library names tried: "mod_spatialite.so".': "SpatiaLite",
    "no pq wrapper available.\n- couldn't import psycopg 'python' implementation: libpq library "
    "not found": "libpq",
    "failed to find libmagic.  Check your installation": "libmagic",
    "libmariadb.so.3: cannot open shared object file: No such file or directory": "libmariadb",
    "cannot load library 'gobject-2.0-0': gobject-2.0-0: cannot open shared object file": "Pango",
    "cannot load library 'libpango-1.0-0'": "Pango",
    'no library called "cairo-2" was found': "Cairo",
    "libxmlsec1.so.1: cannot open shared object file: No such file": "libxmlsec1.so.1",
}


@pytest.mark.parametrize(("error", "name"), ERRORS.items())
def test_a_missing_library_of_the_system_is_named(error: str, name: str) -> None:
    hint = missing_library_hint(error)
    assert hint.startswith(f"{name} is a library of the system")
    assert hint.endswith("here and on every host.")


@pytest.mark.parametrize(
    ("module", "driver"),
    [
        ("psycopg2 or psycopg", "psycopg[binary]"),
        ("MySQLdb", "mysqlclient"),
        ("oracledb", "oracledb"),
    ],
)
def test_a_missing_driver_is_named(module: str, driver: str) -> None:
    hint = missing_library_hint(f"ImproperlyConfigured: Error loading {module} module")
    assert hint.endswith(f"(DATABASE_URL), or add {driver} to the project's lock file.")


def test_a_python_without_extensions_of_sqlite_is_not_a_missing_library() -> None:
    hint = missing_library_hint(
        "SpatiaLite requires SQLite to be configured to allow extension loading."
    )
    assert "This Python was built without loadable extensions of SQLite" in hint
    assert "apt install" not in hint


@pytest.mark.parametrize("error", ["No module named 'gdal'", "relation geos does not exist", ""])
def test_other_errors_blame_no_library(error: str) -> None:
    assert missing_library_hint(error) == ""
