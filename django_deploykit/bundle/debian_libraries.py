"""The packages of Debian that have the shared libraries of a bundle's compiled files (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django_deploykit.errors import Problems

_NONE = "none"
# Where Debian's policy does not give the name, or a package has several libraries. Those of glibc
# have no package: the dependency on libc6 has a version of its own.
_LIBRARIES_OF = {
    "": "c.so.6 m.so.6 mvec.so.1 pthread.so.0 dl.so.2 rt.so.1 util.so.1 resolv.so.2 anl.so.1 nsl.so.1"
    " thread_db.so.1 BrokenLocale.so.1 c_malloc_debug.so.0 nss_compat.so.2 nss_dns.so.2"
    " nss_files.so.2 nss_hesiod.so.2",
    "libapr1": "apr-1.so.0",
    "libaprutil1": "aprutil-1.so.0",
    "libatk1.0-0": "atk-1.0.so.0",
    "libbrotli1": "brotlicommon.so.1 brotlidec.so.1 brotlienc.so.1",
    "libcap-ng0": "drop_ambient.so.0",
    "libcap2": "psx.so.2",
    "libcurl3-gnutls": "curl-gnutls.so.4",
    "libexpat1": "expatw.so.1",
    "libext2fs2": "e2p.so.2",
    "libfcgi0ldbl": "fcgi.so.0 fcgi++.so.0",
    "libgcc-s1": "gcc_s.so.1",
    "libgeos-c1v5": "geos_c.so.1",
    "libgles2": "GLESv2.so.2",
    "libglib2.0-0": "glib-2.0.so.0 gobject-2.0.so.0 gio-2.0.so.0 gmodule-2.0.so.0 gthread-2.0.so.0",
    "libglvnd0": "GLdispatch.so.0",
    "libgmpxx4ldbl": "gmpxx.so.4",
    "libgstreamer1.0-0": "gstreamer-1.0.so.0 gstbase-1.0.so.0 gstcontroller-1.0.so.0 gstnet-1.0.so.0",
    "libgtk-3-0": "gdk-3.so.0",
    "libharfbuzz0b": "harfbuzz.so.0",
    "libhdf5-103-1": "hdf5_serial.so.103",
    "libhdf5-hl-100": "hdf5_serial_hl.so.100",
    "libjpeg62-turbo": "jpeg.so.62",
    "libldap-2.5-0": "lber-2.5.so.0",
    "libldap2": "lber.so.2",
    "liblua5.3-0": "lua5.3-c++.so.0",
    "liblua5.4-0": "lua5.4-c++.so.0",
    "libncurses6": "form.so.6 menu.so.6 panel.so.6",
    "libncursesw6": "formw.so.6 menuw.so.6 panelw.so.6",
    "libpam0g": "pam.so.0 pam_misc.so.0 pamc.so.0",
    "libpcre3": "pcreposix.so.3",
    "libreadline8": "history.so.8",
    "librsvg2-2": "rsvg-2.so.2",
    "libsmbclient": "smbclient.so.0",
    "libsnappy1v5": "snappy.so.1",
    "libssl1.1": "crypto.so.1.1",
    "libssl3": "crypto.so.3",
    "libtinfo6": "tic.so.6",
    "libunwind8": "unwind-x86_64.so.8 unwind-aarch64.so.8 unwind-coredump.so.0 unwind-ptrace.so.0",
    "libvorbis0a": "vorbis.so.0",
    "libxml2": "xml2.so.2",
    "libxmlsec1": "xmlsec1.so.1",
    "libxmlsec1-gcrypt": "xmlsec1-gcrypt.so.1",
    "libxmlsec1-gnutls": "xmlsec1-gnutls.so.1",
    "libxmlsec1-nss": "xmlsec1-nss.so.1",
    "libxmlsec1-openssl": "xmlsec1-openssl.so.1",
    "libxslt1.1": "xslt.so.1 exslt.so.0",
    "zlib1g": "z.so.1",
}
_PACKAGE_OF = {
    f"lib{name}": package for package, names in _LIBRARIES_OF.items() for name in names.split()
}
_LOADER = re.compile(r"ld(?:-linux[a-z0-9-]*|64)\.so\.[0-9]+\Z")
_ICU = re.compile(r"libicu[a-z0-9]+\.so\.([0-9]+)\Z")
_PYTHON = re.compile(r"libpython(3\.[0-9]+)\.so")
_SONAME = re.compile(r"(lib[A-Za-z0-9_.+-]+?)\.so\.([0-9][0-9.]*)\Z")
_NAMED = re.compile(r"([A-Za-z0-9_.+-]+):\s*([a-z0-9][a-z0-9+.-]+)\Z")


def read_libraries(text: str) -> dict[str, str]:
    """Return the packages of libraries, as ``libodd.so.1: odd1``, separated by commas or lines."""
    found = {}
    for one in (part.strip() for part in re.split(r"[,\n]", text)):
        row = _NAMED.match(one)
        if row:
            found[row[1]] = row[2]
        elif one:
            raise ValueError(
                f"must have libraries with their packages, `libpq.so.5: libpq5`, not {one!r}"
            )
    return found


def packages_of(libraries: Mapping[str, str], named: Mapping[str, str]) -> set[str]:
    """Return the packages that have libraries; raises :class:`Problems` if one is not known.

    ``libraries`` has a file that needs it for each library, ``named`` the packages that the project
    names, which may be "none".
    """
    packages = {library: named.get(library, debian_package(library)) for library in libraries}
    unknown = [library for library, package in packages.items() if package is None]
    if unknown:
        raise Problems(
            "these libraries of the system are needed, and the packages with them are unknown:",
            [f"{library}, by {libraries[library]}" for library in unknown],
            f"Name their packages in [format:deb] of deploykit.ini: libraries = {unknown[0]}: PACKAGE. "
            f'The package "{_NONE}" is for one that need not be there.',
        )
    return {package for package in packages.values() if package and package != _NONE}


def debian_package(library: str) -> str | None:
    """Return Debian's package of a library: empty for a part of glibc, None if it cannot be derived.

    Debian's policy derives the name of the package from the name and the number of the library.

    >>> debian_package("libpq.so.5"), debian_package("libX11.so.6"), debian_package("libc.so.6")
    ('libpq5', 'libx11-6', '')
    """
    if library in _PACKAGE_OF or _LOADER.match(library):
        return _PACKAGE_OF.get(library, "")
    for pattern, package in ((_PYTHON, "libpython{}"), (_ICU, "libicu{}")):
        numbered = pattern.match(library)
        if numbered:
            return package.format(numbered[1])
    found = _SONAME.match(library)
    if found is None:
        return None
    name = found[1].lower().replace("_", "-")
    return f"{name}{'-' if name[-1].isdigit() else ''}{found[2]}"
