"""The maintainer scripts of a Debian package, which call the verbs of the bundle in it (pure)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from string import Template

from django_deploykit.bundle.formats.deb_control import package_name
from django_deploykit.runtime.base.site_options import SITE_OPTIONS
from django_deploykit.runtime.bundle.manifest import Manifest

_POSTINST = """\
#!/bin/sh
# Makes this host ready for $app, and puts release $release live.
set -e
[ "$$1" = configure ] || exit 0

if ! [ -d /run/systemd/system ]; then
    echo "$package: systemd does not run here, so the site was not set up."
    echo "Once the host is booted, run: dpkg-reconfigure $package"
    exit 0
fi
SETUP_OPTIONS=
if [ -f /etc/default/$package ]; then
    . /etc/default/$package
fi
if ! env -u SUDO_USER $start $bundle deploykit configure $options$$SETUP_OPTIONS </dev/null; then
    echo "$package: release $release is not live. If another one was live, it still is." >&2
    echo "Correct what is written above, then run: dpkg --configure $package" >&2
    echo "Or install the version before again: dpkg -i FILE" >&2
    exit 1
fi
"""
_PRERM = """\
#!/bin/sh
# Takes $app off this host. The data and the configuration stay.
set -e
[ "$$1" = remove ] || exit 0

if [ -d /run/systemd/system ]; then
    if ! $start $bundle deploykit remove --noinput </dev/null; then
        echo "$package: the site was not removed. If the package is damaged, install it again first." >&2
        exit 1
    fi
fi
"""
_POSTRM = """\
#!/bin/sh
# Removes the configuration that the package made, and prints what stays.
set -e
[ "$$1" = purge ] || exit 0

rm -f /etc/$app/$app.ini
rmdir /etc/$app/conf.d /etc/$app 2>/dev/null || true
for path in /etc/$app /etc/default/$package /var/lib/$app; do
    if [ -e "$$path" ]; then
        echo "$package: $$path stays. To remove it: rm -r $$path"
    fi
done
"""


def bundle_path(manifest: Manifest) -> str:
    """Return the path of the bundle on the host."""
    return f"/usr/lib/{package_name(manifest)}/{manifest.project}.pyz"


def scripts(manifest: Manifest, options: Mapping[str, object]) -> dict[str, str]:
    """Return the scripts by name. ``options`` are the values of [format:deb]."""
    words = [*_user(manifest), *_site_options(options)]
    values = {
        "app": manifest.project,
        "package": package_name(manifest),
        "bundle": bundle_path(manifest),
        "release": manifest.release_id,
        "start": "/usr/bin/python3" if manifest.interpreter is None else "sh",
        "options": "".join(f"{shlex.quote(word)} " for word in words),
    }
    texts = {"postinst": _POSTINST, "prerm": _PRERM, "postrm": _POSTRM}
    return {name: Template(text).substitute(values) for name, text in texts.items()}


def _user(manifest: Manifest) -> list[str]:
    """Return the deploy user: an account for this project in which nobody logs in."""
    return ["--user", f"{manifest.project[:25].rstrip('-')}-deploy", "--no-login"]


def _site_options(options: Mapping[str, object]) -> Iterator[str]:
    for name, option in SITE_OPTIONS.items():
        value = options.get(name, option.default)
        if value == option.default:
            continue
        if option.switch:
            yield option.switch
        else:
            yield from (f"--{name}", ",".join(value) if isinstance(value, tuple) else str(value))
