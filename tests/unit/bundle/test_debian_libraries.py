"""The packages that have libraries: derived, from the table, named by the project."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.debian_libraries import (
    debian_package,
    packages_of,
    read_libraries,
)
from django_deploykit.errors import Problems


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libc.so.6", ""),
        ("ld-linux-x86-64.so.2", ""),
        ("ld-linux-aarch64.so.1", ""),
        ("libpython3.11.so.1.0", "libpython3.11"),
        ("libsqlite3.so.0", "libsqlite3-0"),
        ("libbz2.so.1.0", "libbz2-1.0"),
        ("libpango-1.0.so.0", "libpango-1.0-0"),
        ("libxml2.so.2", "libxml2"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libcrypto.so.3", "libssl3"),
        ("libicuuc.so.72", "libicu72"),
        ("libpam.so.0", "libpam0g"),
        ("libxmlsec1-openssl.so.1", "libxmlsec1-openssl"),
        ("libbrotlidec.so.1", "libbrotli1"),
        ("libodd.so", None),
        ("libodd.so.1\nDepends: x", None),
    ],
)
def test_the_name_of_a_package_follows_from_the_librarys(library: str, package: str) -> None:
    assert debian_package(library) == package


def test_a_project_names_packages_where_they_are_unknown_or_others() -> None:
    named = read_libraries("libodd.so: odd-runtime,\n libcuda.so.1: none\nlibpq.so.5: libpq5-ours")
    libraries = dict.fromkeys(("libodd.so", "libcuda.so.1", "libpq.so.5", "libm.so.6"), "a.so")
    assert packages_of(libraries, named) == {"odd-runtime", "libpq5-ours"}


def test_every_library_with_an_unknown_package_is_named() -> None:
    libraries = {"libodd.so": "lib/a.so", "libpq.so.5": "lib/b.so", "odd.so": "lib/c.so"}
    with pytest.raises(Problems) as caught:
        packages_of(libraries, {"libother.so": "other"})
    assert caught.value.problems == ("libodd.so, by lib/a.so", "odd.so, by lib/c.so")
    assert "libraries = libodd.so: PACKAGE" in caught.value.hint


@pytest.mark.parametrize("text", ["libodd.so", "libodd.so: Odd", "../x: odd", "a b: odd", "x: a b"])
def test_names_that_are_not_valid(text: str) -> None:
    with pytest.raises(ValueError, match="must have libraries with their packages"):
        read_libraries(text)
