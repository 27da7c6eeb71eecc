"""The files of an image besides the bundle's layers: what staging writes on a host."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Mapping

from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.formats.oci_tar import LayerWriter
from django_deploykit.runtime.bundle.manifest import FileEntry, Manifest

# The same for all projects, so that their images share layers with the same distributions.
ROOT = "srv/release"
USER = 65532  # of no account, as in images by others that have no root
PACKAGE = "django_deploykit"
_OWN = f"{ROOT}/lib/deploykit"
_START = """\
#!/{root}/bin/python -IB
import sys
{path}
from {package}.container import main

sys.exit(main(sys.argv[1:], "/{root}"))
"""


def command(manifest: Manifest) -> str:
    """Return the path of the project's command in an image."""
    return f"/{ROOT}/bin/{manifest.project}"


def write_environment(
    layer: LayerWriter, content: Content, python: str, installed: Iterable[FileEntry]
) -> None:
    """Write what only depends on the interpreter and the project's name.

    ``python`` is the interpreter's path in the image. ``installed`` are the files of this package
    in the bundle's layers. If they lack the runtime, it is written, too.
    """
    manifest = content.manifest
    own = not has_runtime(content, installed)
    layer.folder(f"var/lib/{manifest.project}", USER)
    layer.link(f"srv/{manifest.project}/current", f"../{posixpath.basename(ROOT)}")
    layer.link(f"{ROOT}/lib64", "lib")
    layer.link(f"{ROOT}/bin/python", python)
    for alias in ("python3", f"python{manifest.python}"):
        layer.link(f"{ROOT}/bin/{alias}", "python")
    home = posixpath.dirname(python)
    text = f"home = {home}\ninclude-system-site-packages = false\nversion = {manifest.python}\n"
    _write(layer, f"{ROOT}/pyvenv.cfg", text.encode())
    start = _START.format(
        root=ROOT,
        path=f'sys.path.insert(0, "/{_OWN}")' if own else "",
        package="runtime" if own else f"{PACKAGE}.runtime",
    )
    _write(layer, f"{ROOT}/bin/{manifest.project}", start.encode(), 0o755)
    if own:
        for name, data in sorted(content.runtime.items()):
            _write(layer, f"{_OWN}/runtime/{_on_disk(name, manifest.python)}", data)


def write_release(layer: LayerWriter, content: Content) -> None:
    """Write what is different in each release: manifest, SBOM, and the sample of the INI file."""
    _write(layer, f"{ROOT}/manifest.json", content.manifest.dumps().encode())
    for name, data in sorted(content.files.items()):
        _write(layer, f"{_OWN}/{name}", data)


def has_runtime(content: Content, installed: Iterable[FileEntry]) -> bool:
    """Whether the bundle's own distribution of this package has the same runtime."""
    folder = f"lib/python{content.manifest.python}/site-packages/{PACKAGE}/runtime/"
    found = {one.path: one.sha256 for one in installed}
    sources = {name: data for name, data in content.runtime.items() if name.endswith(".py")}
    return bool(sources) and all(
        found.get(folder + name) == hashlib.sha256(data).hexdigest()
        for name, data in sources.items()
    )


def environment(manifest: Manifest, path: str) -> Mapping[str, str]:
    """Return the environment of containers; ``path`` is the PATH of the base."""
    return {
        "DEPLOYKIT_RELEASE": manifest.release_id,
        "PATH": f"/{ROOT}/bin:{path}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": f"/{ROOT}",
    }


def _on_disk(name: str, python: str) -> str:
    """Return where a file of the runtime belongs outside of a zip.

    >>> _on_disk("cli/main.pyc", "3.11"), _on_disk("cli/main.py", "3.11")
    ('cli/__pycache__/main.cpython-311.pyc', 'cli/main.py')
    """
    folder, _, file = name.rpartition("/")
    if file.endswith(".pyc"):
        file = f"__pycache__/{file[:-4]}.cpython-{python.replace('.', '')}.pyc"
    return posixpath.join(folder, file)


def _write(layer: LayerWriter, path: str, data: bytes, mode: int = 0o644) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    layer.file(path, data, size=len(data), sha256=sha256, mode=mode)
