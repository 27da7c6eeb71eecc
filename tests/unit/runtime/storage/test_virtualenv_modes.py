"""Another user runs a release than the one who stages it: who may read and who may write its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle import signature
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.storage import layers, virtualenv
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

FILES: Tree = {"app/manage.py": b"print()", "bin/tool": (b"#!/bin/sh\n", 0o755)}


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o022, 0o002, 0o000], ids=oct)
def test_everybody_reads_a_release_and_nobody_else_writes_it(tmp_path: Path, umask: int) -> None:
    layer = make_layer("app", "app", "", FILES)
    manifest = make_manifest((layer,))
    path = write_bundle(tmp_path / "shop.pyz", manifest, {"app": FILES})
    release = tmp_path / "releases" / manifest.release_id
    before = os.umask(umask)
    try:
        with BundleFile(path) as bundle:
            layers.extract(bundle, tmp_path / "store", layer.sha256)
        virtualenv.stage(manifest, tmp_path / "store", release, {})
        signature.store(release, "text")
    finally:
        os.umask(before)
    modes = {
        one.relative_to(release).as_posix(): one.stat().st_mode & 0o7777
        for one in [release, *release.rglob("*")]
        if not one.is_symlink()
    }
    programs = {"bin/tool", "bin/shop", "bin/deploykit-run"}
    for name, mode in modes.items():
        folder = (release / name).is_dir()
        assert mode == (0o755 if folder or name in programs else 0o644), name
    assert {"manifest.json", "manifest.json.sig", "pyvenv.cfg", "bin/activate"} <= set(modes)
