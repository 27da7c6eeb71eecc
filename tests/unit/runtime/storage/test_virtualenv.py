"""Building a release's tree: files are links where they can be, and copies where not."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.manifest import FileEntry, Process
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.storage import layers
from django_deploykit.runtime.storage.hashed import link_hashed
from django_deploykit.runtime.storage.virtualenv import link_layer, stage
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

ENTRY = FileEntry("app/run.py", 0o755, 4, "0" * 64)


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    path = tmp_path / "layer" / ENTRY.path
    path.parent.mkdir(parents=True)
    path.write_text("run\n")
    path.chmod(0o755)
    return tmp_path / "layer"


def test_a_file_of_a_layer_is_a_link(layer: Path, tmp_path: Path) -> None:
    link_layer(layer, [ENTRY], tmp_path / "release")
    assert (tmp_path / "release" / ENTRY.path).samefile(layer / ENTRY.path)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EXDEV, errno.EMLINK])
def test_a_file_is_copied_where_no_link_can_be(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(number, os.strerror(number), source)

    monkeypatch.setattr(os, "link", refuse)
    hashed = layer / "base.1a2b3c4d5e6f.css"
    hashed.write_text("a {}")
    link_layer(layer, [ENTRY], tmp_path / "release")
    link_hashed(layer, tmp_path / "release" / "static")
    made = tmp_path / "release" / ENTRY.path
    assert (made.read_text(), made.stat().st_mode & 0o777) == ("run\n", 0o755)
    assert not made.samefile(layer / ENTRY.path)
    assert (tmp_path / "release" / "static" / hashed.name).read_text() == "a {}"


def test_a_full_disk_is_no_reason_to_copy(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", source)

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        link_layer(layer, [ENTRY], tmp_path / "release")
    assert not (tmp_path / "release" / ENTRY.path).exists()


def test_a_program_that_seeks_its_python_is_given_to_it_at_once(tmp_path: Path) -> None:
    seeking = (
        "#!/bin/sh\n"
        """'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"\n"""
        "' '''\nimport sys; print(sys.argv, sys.prefix)\n"
    )
    files: Tree = {
        "bin/seeker": (seeking.encode(), 0o755),
        "bin/plain": (b"#!/bin/sh\necho plain $0 $1\n", 0o755),
    }
    layer = make_layer("distribution", "tools", "1", files)
    processes = (Process("web", "A=1 seeker 'a b'"), Process("other", "plain"))
    manifest = make_manifest((layer,), processes=processes)
    with BundleFile(write_bundle(tmp_path / "x.pyz", manifest, {"tools": files})) as bundle:
        layers.extract(bundle, tmp_path / "store", layer.sha256)
    release = tmp_path / "releases" / "one"
    stage(manifest, tmp_path / "store", release, {})
    (release / "app").mkdir()
    run = [release / "bin" / "deploykit-run"]
    out = subprocess.check_output([*run, "web", "c"], text=True)
    assert out == f"{[str(release / 'bin/seeker'), 'a b', 'c']} {release}\n"
    assert '"$VIRTUAL_ENV/bin/python" "$VIRTUAL_ENV/bin/seeker"' in run[0].read_text()
    assert subprocess.check_output([*run, "other", "d"], text=True).endswith("plain d\n")


def test_the_scripts_of_a_release_export_the_section_environment_of_credentials(
    tmp_path: Path,
) -> None:
    """The release's Python has this package; here the tests' Python is in its place."""
    processes = (Process("web", 'printf %s. "$DEBUG" "$TOKEN"'),)
    release = tmp_path / "releases" / "one"
    stage(make_manifest((), processes=processes), tmp_path / "store", release, {"DEBUG": "default"})
    (release / "app").mkdir()
    (release / "bin" / "python").unlink()
    (release / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (release / "bin" / "python").chmod(0o755)
    folder = tmp_path / "credentials"
    folder.mkdir()

    def run(ini: str, **env: str) -> subprocess.CompletedProcess[str]:
        (folder / "shop.ini").write_text(ini)
        argv = ["/bin/sh", str(release / "bin" / "deploykit-run"), "web"]
        env = {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(folder), **env}
        return subprocess.run(argv, env=env, capture_output=True, text=True)

    assert run("[django]\ndebug = no\n").stdout == "default.."
    assert run("[ environment ]\nTOKEN = a $b\n").stdout == "default.a $b."
    assert run("[environment]\ntoken = ini\ndebug = ini\n", TOKEN="unit").stdout == "ini.unit."
    failed = run("[environment]\npath = x\n")
    assert failed.returncode == 1
    assert "shop.ini:2: [environment] path" in failed.stderr
