"""The project as a wheel, with a command in place of ``manage.py``.

The wheel has one package. Its folder ``app`` has the project's files as a release has them, so
``BASE_DIR`` and all paths from it stay right (decision 0083).
"""

from __future__ import annotations

from pathlib import Path

from django_deploykit.bundle.build_cache import validate_layers
from django_deploykit.bundle.formats.base import Content, Format, Written
from django_deploykit.bundle.formats.wheel_archive import (
    Part,
    iter_sources,
    text_member,
    write_wheel,
)
from django_deploykit.bundle.formats.wheel_files import (
    escaped,
    member_of,
    metadata_text,
    package_name,
    requirements_text,
    wheel_project,
    wheel_text,
    wheel_version,
)
from django_deploykit.project.values import Keys
from django_deploykit.runtime.base.files import hash_file
from django_deploykit.runtime.bundle.manifest import Manifest

# manage.py is run as it is: it may extend sys.path or choose the class of the settings.
_PACKAGE = '''\
"""{project}, release {release}. The folder app has the project's files."""

import os
import sys
import types

APP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "app")
VARIABLES = {variables!r}


def main():
    """Run the project's manage.py, with the settings of production unless others are chosen."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    sys.path.insert(0, APP)
    path = os.path.join(APP, "manage.py")
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__file__ = path
    exec(code, module.__dict__)
'''
_MAIN = '''\
"""python -m {package} is the command of {project}."""

from {package} import main

main()
'''

KEYS: Keys = {}


def name(manifest: Manifest) -> str:
    """Return the file name, which installers parse."""
    project = escaped(wheel_project(manifest))
    return f"{project}-{wheel_version(manifest.release_id)}-py3-none-any.whl"


def write(content: Content, path: Path) -> Written:
    """Write the project's wheel at ``path``."""
    manifest = content.manifest
    package = package_name(manifest)
    info = f"{escaped(wheel_project(manifest))}-{wheel_version(manifest.release_id)}.dist-info"
    own = [layer.sha256 for layer in manifest.layers if layer.kind in ("app", "static")]
    validate_layers(own)
    parts = [
        Part(digest, [member_of(one, f"{package}/{one.path}") for one in iter_sources(digest)])
        for digest in own
    ]
    texts: dict[str, str | bytes] = {
        f"{package}/__init__.py": package_text(manifest),
        f"{package}/__main__.py": _MAIN.format(package=package, project=manifest.project),
        f"{package}.pth": f"{package}/app\n",
        f"{info}/METADATA": metadata_text(manifest),
        f"{info}/WHEEL": wheel_text(),
        f"{info}/entry_points.txt": f"[console_scripts]\n{manifest.project} = {package}:main\n",
        f"{info}/manifest.json": manifest.dumps(),
        f"{info}/requirements.txt": requirements_text(content.requirements, manifest),
        f"{info}/sboms/sbom.cdx.json": content.files["sbom.cdx.json"],
    }
    members = [text_member(path, text) for path, text in texts.items()]
    write_wheel(path, manifest.commit_time, info, parts, members)
    return Written(hash_file(path), path.stat().st_size)


FORMAT = Format(name, write)


def package_text(manifest: Manifest) -> str:
    """Return the module with the command's function."""
    variables = {**manifest.django_variables, "DEPLOYKIT_RELEASE": manifest.release_id}
    return _PACKAGE.format(
        project=manifest.project, release=manifest.release_id, variables=variables
    )
