"""The control information and the documentation of a Debian package (pure)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import format_datetime

from django_deploykit.bundle.debian_libraries import packages_of, read_libraries
from django_deploykit.errors import BundleError
from django_deploykit.project.values import Keys
from django_deploykit.runtime.base.site_options import SITE_OPTIONS
from django_deploykit.runtime.bundle.manifest import Manifest

_ARCHITECTURES = {
    "any": "all",
    "linux-x86_64": "amd64",
    "linux-aarch64": "arm64",
    "linux-i686": "i386",
    "linux-armv7l": "armhf",
    "linux-ppc64le": "ppc64el",
    "linux-s390x": "s390x",
    "linux-riscv64": "riscv64",
}
# What setup and a release call: useradd, visudo, systemctl.
_TOOLS = ("passwd", "sudo", "systemd")
_MAINTAINER = re.compile(r"[^<>\x00-\x1f\x7f]+ <[^<>@\s]+@[^<>@\s]+>\Z")
_NAME = r"[a-z0-9][a-z0-9+.-]+"
_ONE = rf"{_NAME}(?: \((?:<<|<=|=|>=|>>) [0-9][A-Za-z0-9.+~:-]*\))?"
_DEPENDENCY = re.compile(rf"{_ONE}(?: \| {_ONE})*\Z")


def read_maintainer(text: str) -> str:
    """Return a name with an address; raise :class:`ValueError` if it is not one."""
    if not _MAINTAINER.match(text):
        raise ValueError(f"must be like `Operations <ops@example.com>`, not {text!r}")
    return text


def read_description(text: str) -> str:
    """Return one line of at most 80 characters."""
    if not text or not text.isprintable() or len(text) > 80:
        raise ValueError("must be one line of at most 80 printable characters")
    return text


def read_dependencies(text: str) -> tuple[str, ...]:
    """Return dependencies, as in ``Depends`` of a control file."""
    found = tuple(one.strip() for one in re.split(r"[,\n]", text) if one.strip())
    for one in found:
        if not _DEPENDENCY.match(one):
            raise ValueError(f"must have dependencies like `libpq5 (>= 15)`, not {one!r}")
    return found


KEYS: Keys = {
    "maintainer": (read_maintainer, "who maintains the package, `NAME <ADDRESS>`"),
    "description": (read_description, "one line about the project"),
    "depends": (read_dependencies, "more packages that it depends on"),
    "libraries": (
        read_libraries,
        "the packages of libraries that compiled code needs, `libodd.so.1: odd1`, if they are not derived",
    ),
    **{name: (option.read, option.help) for name, option in SITE_OPTIONS.items()},
}


def package_name(manifest: Manifest) -> str:
    """Return the package's name: the project's, which Debian wants to have two characters."""
    name = manifest.project.rstrip("-")
    return name if len(name) > 1 else f"{name}-site"


def version_of(manifest: Manifest) -> str:
    """Return the version. Versions sort as the commits' times, then as the Python's versions.

    A release for another Python is another version, so that an upgrade of Debian is one, too.
    """
    moment, _, commit = manifest.release_id.partition("-")
    return f"{moment}+{commit}+py{manifest.python}"


def architecture(manifest: Manifest) -> str:
    """Return Debian's name of the platform; raises :class:`BundleError` if Debian has none."""
    found = _ARCHITECTURES.get(manifest.platform)
    if found is None:
        raise BundleError(
            f"no architecture of Debian is {manifest.platform}",
            f"Build for one of {', '.join(sorted(_ARCHITECTURES))}: --platform.",
        )
    return found


def control(
    manifest: Manifest, options: Mapping[str, object], libraries: Mapping[str, str], size: int
) -> str:
    """Return the control file. ``libraries`` are those of the system, ``size`` is in bytes."""
    fields = {
        "Package": package_name(manifest),
        "Version": version_of(manifest),
        "Architecture": architecture(manifest),
        "Maintainer": _maintainer(manifest, options),
        "Installed-Size": str(-(-size // 1024)),
        **_python(manifest),
        "Depends": ", ".join(_depends(manifest, options, libraries)),
        "Section": "web",
        "Priority": "optional",
        "Description": _description(manifest, options),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def _maintainer(manifest: Manifest, options: Mapping[str, object]) -> str:
    default = f"{manifest.project} developers <{manifest.project}@packages.invalid>"
    return str(options.get("maintainer", default))


def _description(manifest: Manifest, options: Mapping[str, object]) -> str:
    lines = [
        str(options.get("description", f"Django project {manifest.project}")),
        f" Release {manifest.release_id}, from commit {manifest.commit[:12]}.",
        " .",
        " Installing the package makes the host ready and puts this release live.",
        " The earlier releases stay on the host, so that installing the version",
        " before goes back to it.",
    ]
    return "\n".join(lines)


def _python(manifest: Manifest) -> dict[str, str]:
    """Return the field for Python, unless the bundle has its own.

    dpkg unpacks nothing on a host with another Python, where no verb of the bundle would run.
    """
    if manifest.interpreter is not None:
        return {}
    major, minor = manifest.python.split(".")
    return {
        "Pre-Depends": f"python3 (>= {manifest.python}~), python3 (<< {major}.{int(minor) + 1}~)"
    }


def _depends(
    manifest: Manifest, options: Mapping[str, object], libraries: Mapping[str, str]
) -> list[str]:
    found: list[str] = []
    if manifest.glibc and manifest.platform != "any":
        found.append(f"libc6 (>= {manifest.glibc})")
    more, named = options.get("depends", ()), options.get("libraries", {})
    assert isinstance(more, tuple)
    assert isinstance(named, dict)
    found += sorted(packages_of(libraries, named) - {one.split()[0] for one in more})
    return [*found, *_TOOLS, *more]


def changelog(manifest: Manifest, options: Mapping[str, object]) -> str:
    """Return Debian's changelog with this release as its only entry."""
    date = format_datetime(datetime.fromtimestamp(manifest.commit_time, timezone.utc))
    return (
        f"{package_name(manifest)} ({version_of(manifest)}) unstable; urgency=medium\n\n"
        f"  * Release {manifest.release_id},\n    from commit {manifest.commit}.\n\n"
        f" -- {_maintainer(manifest, options)}  {date}\n"
    )


def copyright_text(manifest: Manifest) -> str:
    """Return where the licenses of the content are."""
    package, year = package_name(manifest), time.gmtime(manifest.commit_time).tm_year
    return (
        f"Copyright (C) {year} the developers of {manifest.project}\n\n"
        f"This package has the project {manifest.project} and the distributions that it needs.\n"
        f"/usr/share/doc/{package}/sbom.cdx.json lists them. Each keeps its own copyright and\n"
        "license, which are in its folder *.dist-info of an installed release.\n"
    )


def overrides(manifest: Manifest) -> str:
    """Return lintian's tags that are not faults here, each with the reason."""
    package = package_name(manifest)
    text = (
        "# The layers in it are compressed. Without another compression around them, rsync finds those\n"
        "# that are the same as in the version before.\n"
        f"{package}: uses-no-compression-for-data-tarball\n"
    )
    if manifest.interpreter is not None:
        return text
    return text + (
        "# The package depends on a version of Debian's python3. /usr/local/bin may have another.\n"
        f"{package}: command-with-path-in-maintainer-script /usr/bin/python3 (plain script) [prerm:*]\n"
    )
