"""Reading bundles, and what is refused in them."""

from __future__ import annotations

import binascii
import hashlib
import io
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.bundle.main_script import main_text
from django_deploykit.runtime.bundle.manifest import FileEntry
from django_deploykit.runtime.bundle.reader import BundleFile, Slice, layer_files
from django_deploykit.runtime.bundle.seal import SEAL, DamagedError
from django_deploykit.runtime.sources import sources
from tests.bundles import (
    Tree,
    entries_of,
    layer_zip,
    make_layer,
    make_manifest,
    write_bundle,
)

TREE: Tree = {
    "app/manage.py": (b"print()\n", 0o755),
    "app/a.txt": b"same",
    "app/b.txt": b"same",
    "app/big.bin": bytes(9 << 20),
}
LAYER = make_layer("app", "app", "", TREE)
MANIFEST = make_manifest((LAYER,))


def bundle_with(folder: Path, extra: dict[str, bytes] | None = None) -> Path:
    return write_bundle(folder / "x.pyz", MANIFEST, {"app": TREE}, extra)


def test_files_and_members_are_read(tmp_path: Path) -> None:
    with BundleFile(bundle_with(tmp_path)) as bundle:
        found = {
            entry.path: content if isinstance(content, bytes) else b"".join(content)
            for entry, content in bundle.files(LAYER.sha256)
        }
        assert found == {
            path: row[0] if isinstance(row, tuple) else row for path, row in TREE.items()
        }
        assert bundle.layer(LAYER.sha256) == LAYER
        assert bundle.runtime() == sources()
        assert bundle.read("sbom.cdx.json") == b"{}"
        assert bundle.archive_size(LAYER.sha256) == len(bundle.archive(LAYER.sha256).read())
        bundle.verify()


def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    archive = layer_zip({path: row for path, row in TREE.items() if path != "app/b.txt"})
    path = bundle_with(tmp_path, {f"layers/{LAYER.sha256}.zip": archive})
    with BundleFile(path) as bundle:
        assert dict(bundle.files(LAYER.sha256))[bundle.entries(LAYER.sha256)[1]] == b"same"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("runtime/bootstrap.py", "not the runtime that the manifest names"),
        ("runtime/added.py", "not the runtime that the manifest names"),
        ("runtime/added.pyc", "bytecode without a source"),
        ("__main__.py", "__main__.py does not belong to this bundle"),
    ],
)
def test_the_runtime_and_the_script_must_be_those_of_the_manifest(
    tmp_path: Path, name: str, problem: str
) -> None:
    path = bundle_with(tmp_path, {name: b"print(1)\n"})
    with BundleFile(path) as bundle, pytest.raises(DamagedError, match=problem):
        bundle.verify()


def test_bytecode_beside_its_source_is_part_of_a_bundle(tmp_path: Path) -> None:
    compiled = {**sources(), "bootstrap.pyc": b"bytecode"}
    extra = {
        "runtime/bootstrap.pyc": b"bytecode",
        "__main__.py": main_text(MANIFEST.dumps(), compiled).encode(),
    }
    with BundleFile(bundle_with(tmp_path, extra)) as bundle:
        bundle.verify()


@pytest.mark.parametrize("size", [4, 9 << 20])
def test_changed_files_are_found_small_and_large(tmp_path: Path, size: int) -> None:
    changed = {
        path: b"x" * len(data) if len(data) == size else data
        for path, data in (
            (path, row[0] if isinstance(row, tuple) else row) for path, row in TREE.items()
        )
    }
    path = bundle_with(tmp_path, {f"layers/{LAYER.sha256}.zip": layer_zip(changed)})
    with BundleFile(path) as bundle, pytest.raises(DamagedError, match="does not match its digest"):
        bundle.verify()


@pytest.mark.parametrize(
    "tree", [{}, {"app/manage.py": b""}, {**TREE, "app/more.py": b""}], ids=["none", "few", "more"]
)
def test_an_archive_contains_exactly_what_is_listed(tmp_path: Path, tree: Tree) -> None:
    path = bundle_with(tmp_path, {f"layers/{LAYER.sha256}.zip": layer_zip(tree)})
    with BundleFile(path) as bundle, pytest.raises(DamagedError):
        bundle.verify()


@pytest.mark.parametrize(
    "name",
    [
        "evil",
        "layers/a/b",
        "runtime/a/b/c/d.py",
        "../x",
        "layers/..",
        "runtime//x",
        "manifest.json/x",
        "runtime/\x9b",
        f"layers/{'x' * 300}",
    ],
)
def test_unknown_members_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedError, match="not part of a bundle"):
        BundleFile(bundle_with(tmp_path, {name: b""}))


def test_other_files_are_no_bundles(tmp_path: Path) -> None:
    path = tmp_path / "x.pyz"
    with pytest.raises(DeployKitError, match="does not exist"):
        BundleFile(path)
    with pytest.raises(DeployKitError, match="cannot be read"):
        BundleFile(tmp_path)
    path.write_bytes(b"text")
    with pytest.raises(DamagedError, match="is not a bundle"):
        BundleFile(path)


def test_missing_members_are_damage(tmp_path: Path) -> None:
    with BundleFile(bundle_with(tmp_path)) as bundle:
        with pytest.raises(DamagedError, match="nothing cannot be read"):
            bundle.read("nothing")
        with pytest.raises(DamagedError, match="is missing"):
            bundle.archive("0" * 64)


def test_a_slice_is_a_file_and_leaves_the_position_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        part = Slice(file, 2, 5)
        assert part.read() == b"23456"
        assert part.seek(-2, os.SEEK_END) == 3
        assert (part.read(1), part.tell(), part.read(), part.read()) == (b"5", 4, b"6", b"")
        assert part.seek(-9, os.SEEK_CUR) == 0
        assert file.tell() == 0


def _central(data: bytes, name: bytes) -> int:
    """Return the offset of a member's entry in the central directory."""
    return data.rindex(b"PK\1\2", 0, data.rindex(name))


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (6, b"\xff\x00"),  # a version of ZIP that zipfile does not know
        (8, b"\x00\x08"),  # a name in UTF-8, which it is not
        (42, b"\xff\xff\xff\xff"),  # it begins elsewhere
        (34, b"\xff\xff"),  # on another disk
    ],
    ids=["version", "name", "place", "disk"],
)
def test_an_entry_that_zipfile_fails_on_is_damage(
    tmp_path: Path, offset: int, value: bytes
) -> None:
    path = bundle_with(tmp_path)
    data = bytearray(path.read_bytes())
    at = _central(bytes(data), b"manifest.json")
    data[at + offset : at + offset + len(value)] = value
    if value == b"\x00\x08":
        data[at + 46] = 0xFF
    path.write_bytes(data)
    with pytest.raises(DeployKitError, match=r"damaged|is not part of a bundle"):  # noqa: SIM117
        with BundleFile(path) as bundle:
            bundle.verify()


@pytest.mark.parametrize("offset", [6, 8, 42])
def test_an_entry_of_a_layer_that_zipfile_fails_on_is_damage(offset: int) -> None:
    tree = {"app/manage.py": b"x"}
    data = bytearray(layer_zip(tree))
    at = data.index(b"PK\1\2")
    if offset == 8:  # a name in UTF-8, which it is not
        data[at + 46] = 0xFF
        data[at + 9] = 8
    else:
        data[at + offset : at + offset + 2] = b"\xff\xff"
    with pytest.raises(DamagedError):
        list(layer_files(io.BytesIO(data), entries_of(tree), "layer app"))


def test_a_second_directory_that_python_would_run_is_refused(tmp_path: Path) -> None:
    """zipfile follows the record of ZIP64; Python takes what is before the last record."""
    data = bundle_with(tmp_path).read_bytes()
    end = data.rindex(b"PK\5\6")
    count, size, start = struct.unpack("<H2L", data[end + 10 : end + 20])
    name, code = b"__main__.py", b"print('another')\n"
    sizes = (binascii.crc32(code), len(code), len(code), len(name))
    member = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, *sizes, 0) + name + code
    other = struct.pack("<4s6H3L5H2L", b"PK\1\2", *(20, 20, 0, 0, 0, 33), *sizes, *[0] * 5, start)
    at = start + len(member) + len(other + name) + 4
    made = data[:start] + member + other + name + b"gap!" + data[start:end]
    made += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at)
    made += struct.pack("<4sLQL", b"PK\6\7", 0, at + size, 1)
    begin = start + len(member)
    made += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(made) - begin, begin, 79) + SEAL
    path = tmp_path / "two.pyz"
    path.write_bytes(made + hashlib.sha256(made).hexdigest().encode())
    if sys.version_info < (3, 13):  # later ones know ZIP64 when they run a file
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
        assert done.stdout == "another\n"
    with pytest.raises(DamagedError, match="another directory than the one at its end"):
        BundleFile(path)


def test_a_member_before_the_beginning_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "layer.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("app/a.txt", b"x")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\5\6") + 16
    data[at : at + 4] = struct.pack("<L", struct.unpack("<L", data[at : at + 4])[0] + 1)
    path.write_bytes(data)
    entry = FileEntry("app/a.txt", 0o644, 1, hashlib.sha256(b"x").hexdigest())
    with path.open("rb") as file, pytest.raises(DamagedError, match="no header"):
        list(layer_files(file, [entry], "layer"))
