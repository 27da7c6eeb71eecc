"""The files of an image that are in no layer of the bundle."""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import replace

from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.formats.oci_release import (
    has_runtime,
    write_environment,
    write_release,
)
from django_deploykit.bundle.formats.oci_tar import LayerWriter
from django_deploykit.runtime.bundle.manifest import FileEntry
from tests.bundles import make_manifest
from tests.images import PYTHON, digest

_SOURCES = {"container.py": b"def main(): ...\n", "cli/main.py": b"", "container.pyc": b"code"}
_CONTENT = Content(make_manifest(()), _SOURCES, {"sbom.cdx.json": b"{}", "sample.ini": b""})
_FOLDER = f"lib/python{PYTHON}/site-packages/django_deploykit/runtime"
_INSTALLED = [
    FileEntry(f"{_FOLDER}/{name}", 0o644, len(data), digest(data))
    for name, data in _SOURCES.items()
]


def environment(installed: list[FileEntry]) -> tuple[list[str], dict[str, str], str]:
    """Return the paths of an environment, the targets of its links, and its command."""
    target = io.BytesIO()
    layer = LayerWriter(target)
    write_environment(layer, _CONTENT, f"/usr/bin/python{PYTHON}", installed)
    layer.close()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(target.getvalue()))) as tar:
        found = {one.name: one for one in tar}
        file = tar.extractfile("srv/release/bin/shop")
        assert file is not None
        links = {name: one.linkname for name, one in found.items() if one.issym()}
        return sorted(found), links, file.read().decode()


def test_it_is_a_virtualenv_of_the_bases_python() -> None:
    paths, links, _ = environment([])
    assert links["srv/release/bin/python"] == f"/usr/bin/python{PYTHON}"
    assert links[f"srv/release/bin/python{PYTHON}"] == "python"
    assert links["srv/shop/current"] == "../release"
    assert {"srv/release/pyvenv.cfg", "var/lib/shop"} <= set(paths)


def test_the_runtime_is_only_written_if_the_bundle_does_not_install_it() -> None:
    paths, _, command = environment([])
    assert "srv/release/lib/deploykit/runtime/container.py" in paths
    tag = PYTHON.replace(".", "")
    assert f"srv/release/lib/deploykit/runtime/__pycache__/container.cpython-{tag}.pyc" in paths
    assert 'sys.path.insert(0, "/srv/release/lib/deploykit")\nfrom runtime.container' in command
    paths, _, command = environment(_INSTALLED)
    assert not [one for one in paths if "runtime" in one]
    assert "from django_deploykit.runtime.container import main" in command
    compile(command, "shop", "exec")


def test_another_version_of_the_runtime_does_not_count() -> None:
    assert has_runtime(_CONTENT, _INSTALLED)
    other = [one._replace(sha256="0" * 64) for one in _INSTALLED]
    assert not has_runtime(_CONTENT, other)
    assert not has_runtime(replace(_CONTENT, runtime={}), _INSTALLED)


def test_manifest_and_sbom_are_inside() -> None:
    target = io.BytesIO()
    layer = LayerWriter(target)
    write_release(layer, _CONTENT)
    layer.close()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(target.getvalue()))) as tar:
        file = tar.extractfile("srv/release/manifest.json")
        assert file is not None
        assert file.read().decode() == _CONTENT.manifest.dumps()
        assert "srv/release/lib/deploykit/sbom.cdx.json" in tar.getnames()
