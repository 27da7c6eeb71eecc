"""A second project for hosts: the depot, whose compiled code needs a library of the system."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.hosts import Host
from tests.lab.releases import Bundles
from tests.projects import commit, manage, run
from tests.wheels import locked, make_sdist

_CODE = """
#include <Python.h>
extern char *curl_version(void);
static PyObject *version(PyObject *self, PyObject *none) { return PyUnicode_FromString(curl_version()); }
static PyMethodDef methods[] = {{"version", version, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "carrier_fast", "", -1, methods};
PyMODINIT_FUNC PyInit_carrier_fast(void) { return PyModule_Create(&module); }
"""
# Makes a package again from what is installed, and takes it off the host.
_TAKE = """\
cd /
set -e
name=$(dpkg -S '*/libcurl.so.4' | cut -d: -f1)
mkdir -p /root/taken/DEBIAN
dpkg -L $name | while read path; do [ -d "$path" ] || cp -a --parents "$path" /root/taken; done
dpkg -s $name | grep -v '^Status:' > /root/taken/DEBIAN/control
dpkg-deb -b /root/taken /root/libcurl.deb
dpkg --force-depends -r $name
"""


def package_depot(bundles: Bundles, folder: Path) -> Path:
    """Build the depot's package: the shop of release ``one`` under another name, with compiled code."""
    project = folder / "depot"
    run("git", "clone", "-q", bundles.repository, project)
    run("git", "checkout", "-q", "one", cwd=project)
    (project / "deploykit.ini").write_text("[project]\nname = depot\n[format:deb]\nhealth = /up\n")
    settings, views = project / "shop/settings.py", project / "shop/views.py"
    settings.write_text(settings.read_text().replace('Config("shop")', 'Config("depot")'))
    text = views.read_text().replace('"up\\n", ', '"up, %s\\n" % carrier_fast.version(), ')
    assert "carrier_fast.version" in text
    views.write_text(text.replace("import os\n", "import carrier_fast\nimport os\n", 1))
    # No header files are needed, only the library itself.
    source = make_sdist(project / "vendor", "carrier", c=_CODE, links=("-l:libcurl.so.4",))
    with (project / "requirements.txt").open("a") as lock:
        lock.write(locked(source, project))
    commit(project, "Open the depot", "2026-11-24T05:00:00Z")
    words = ("bundle", "--format", "deb", "--python", bundles.python, "--json")
    done = manage(project, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["path"])


def take_library(host: Host) -> None:
    """Remove the library from a host; its package is then ``/root/libcurl.deb``."""
    host.run(_TAKE)
