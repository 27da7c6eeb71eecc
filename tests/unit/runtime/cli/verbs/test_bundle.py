"""The verbs of a bundle that a person carries to a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.seal import DamagedError
from django_deploykit.runtime.wire.operating import BundleInfo, VerifyResult
from tests.bundles import make_layer, make_manifest, write_bundle
from tests.unit.runtime.cli.verbs.conftest import Invoke

TREE = {"app/manage.py": b"print('shop')\n" * 100}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    manifest = make_manifest((make_layer("app", "app", "", TREE),))
    return write_bundle(tmp_path / "shop.pyz", manifest, {"app": TREE})


def test_info_is_what_the_manifest_says(invoke: Invoke, bundle: Path) -> None:
    info = invoke("info", path=bundle)
    assert isinstance(info, BundleInfo)
    assert (info.project, info.size, info.layers[0].kind) == (
        "shop",
        len(TREE["app/manage.py"]),
        "app",
    )


def test_verify_reads_every_byte(invoke: Invoke, bundle: Path) -> None:
    found = invoke("verify", path=bundle)
    assert isinstance(found, VerifyResult)
    assert (found.verified, found.layers) == (str(bundle), 1)
    data = bytearray(bundle.read_bytes())
    data[data.index(b"PK\x01\x02") - 20] ^= 0xFF
    bundle.write_bytes(bytes(data))
    with pytest.raises(DamagedError):
        invoke("verify", path=bundle)
