"""A damaged or hostile bundle is refused, and never runs what nobody wrote."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.runtime.bootstrap import ensure
from django_deploykit.runtime.bundle.manifest import FileEntry, dump_list, tree_digest
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import SEAL, validate_seal
from tests.bundles import Tree, layer_zip, make_layer, make_manifest, write_bundle
from tests.integration.bundling import Shop, run_bundle

TREE: Tree = {"app/manage.py": b"print('ran')\n", "app/x.txt": b"x" * 1000}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Extract to a cache of this test alone."""
    monkeypatch.setenv("DEPLOYKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def bundle_of(path: Path, tree: Tree, **extra: bytes) -> Path:
    """Write a bundle of one layer; ``extra`` replaces the layer's ``list`` or ``zip``."""
    layer = make_layer("app", "app", "", tree)
    names = {"list": f"layers/{layer.sha256}.json", "zip": f"layers/{layer.sha256}.zip"}
    return write_bundle(
        path,
        make_manifest((layer,)),
        {"app": tree},
        {names[key]: data for key, data in extra.items()},
    )


def refused(path: Path, cache: Path, words: str) -> None:
    """Run a bundle both ways; it must say why it does not, and leave no release."""
    with pytest.raises(DeployKitError) as caught:
        ensure(path)
    assert words in caught.value.message
    done = run_bundle(path, "check", DEPLOYKIT_CACHE=str(cache))
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "Traceback" not in done.stderr
    assert not list(cache.glob("*/releases/*"))


# What a process does before the runtime judges the rest: Python itself reads these two.
class Start:
    """Runs a bundle's first lines in this process, up to where they would go on."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.main = archive.read("__main__.py")
            self.runtime = {
                name: archive.read(name)
                for name in archive.namelist()
                if name.startswith("runtime/")
            }

    def reaches_changed_code(self, path: Path) -> bool:
        """Whether lines that nobody wrote would run, having been taken for whole."""
        import zipimport

        try:
            loader = zipimport.zipimporter(str(path))
            text = loader.get_data("__main__.py")
            code = compile(text, "__main__.py", "exec")
        except (zipimport.ZipImportError, OSError, SyntaxError, ValueError, EOFError):
            return False  # Python itself stops
        if text == self.main:
            return self._runtime_passes(code, loader, path)
        return self._passes(code, loader, path, "check_self")

    def _runtime_passes(self, code: object, loader: object, path: Path) -> bool:
        try:
            same = all(
                loader.get_data(name) == data  # type: ignore[attr-defined]
                for name, data in self.runtime.items()
            )
        except Exception:
            same = False
        return not same and self._passes(code, loader, path, "check_runtime")

    @staticmethod
    def _passes(code: object, loader: object, path: Path, check: str) -> bool:
        space = {"__name__": "damaged", "__spec__": type("Spec", (), {"loader": loader})}
        before, sys.argv = sys.argv, [str(path)]
        try:
            exec(code, space)  # type: ignore[arg-type]
            space[check]()  # type: ignore[operator]
        except (SystemExit, Exception):
            return False
        finally:
            sys.argv = before
        return True


def flips(size: int, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Yield positions and bits, the same in every run."""
    chance = random.Random(seed)
    for _ in range(count):
        yield chance.randrange(size), 1 << chance.randrange(8)


@pytest.mark.parametrize("share", range(4))
def test_a_thousand_flipped_bits_of_a_real_bundle_are_refused_or_harmless(
    built_shop: Shop, tmp_path: Path, share: int
) -> None:
    path = tmp_path / "shop.pyz"
    shutil.copyfile(built_shop.bundle, path)
    start = Start(path)
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        tail = archive.getinfo("manifest.json").header_offset
    spots = [*flips(size, 700, 1), *((tail + at, bit) for at, bit in flips(size - tail, 300, 2))]
    with path.open("r+b", buffering=0) as file:
        for position, bit in spots[share::4]:
            file.seek(position)
            good = file.read(1)
            file.seek(position)
            file.write(bytes([good[0] ^ bit]))
            with pytest.raises(DeployKitError):
                validate_seal(path)
            # Looking at it without the seal, as `info` does, gives an error or the truth.
            try:
                with BundleFile(path) as bundle:
                    assert bundle.manifest.release_id == built_shop.facts["release_id"]
            except DeployKitError:
                pass
            assert not start.reaches_changed_code(path), (position, bit)
            file.seek(position)
            file.write(good)
    validate_seal(path)


def test_flipped_bits_of_a_bundles_own_code_are_refused_by_a_real_process(tmp_path: Path) -> None:
    whole = bundle_of(tmp_path / "whole.pyz", TREE).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        spots = [
            (info.header_offset + 30 + len(name) + info.file_size * share // 7, name)
            for name in ("__main__.py", "runtime/bootstrap.py", "runtime/cli/main.py")
            for share in range(1, 7)
            for info in [archive.getinfo(name)]
        ]
    for number, (position, name) in enumerate(spots):
        data = bytearray(whole)
        data[position] ^= 1 << number % 7
        path = tmp_path / "flipped.pyz"
        path.write_bytes(data)
        done = run_bundle(path, "check", DEPLOYKIT_CACHE=str(tmp_path / f"cache{number}"))
        assert done.returncode != 0, (name, position)
        assert "ran" not in done.stdout
        if name != "__main__.py":
            assert "is damaged" in done.stderr


def test_without_its_seal_every_layer_is_still_held_to_its_digest(
    tmp_path: Path, cache: Path
) -> None:
    """Whoever changes a file can make a new seal; the digests in the manifest stay."""
    path = bundle_of(
        tmp_path / "x.pyz", TREE, zip=layer_zip({**TREE, "app/manage.py": b"import os"})
    )
    validate_seal(path)
    refused(path, cache, "app/manage.py does not have its listed size")
    same_size = {**TREE, "app/manage.py": b"print('RAN')\n"}
    path = bundle_of(tmp_path / "y.pyz", TREE, zip=layer_zip(same_size))
    refused(path, cache, "app/manage.py does not match its digest")


@pytest.mark.parametrize("share", [0, 1, 30, 50, 90, 99])
def test_a_truncated_bundle_is_refused(tmp_path: Path, cache: Path, share: int) -> None:
    path = bundle_of(tmp_path / "x.pyz", TREE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * share // 100])
    with pytest.raises(DeployKitError):
        ensure(path)
    done = run_bundle(path, "check", DEPLOYKIT_CACHE=str(cache))
    assert share == 0 or done.returncode != 0  # an empty file is an empty program
    assert "ran" not in done.stdout
    assert not list(cache.glob("*/releases/*"))


def test_a_bundle_that_lost_its_last_bytes_or_won_some_is_refused(
    tmp_path: Path, cache: Path
) -> None:
    path = bundle_of(tmp_path / "x.pyz", TREE)
    whole = path.read_bytes()
    for data in (whole[:-1], whole + b"x", whole + b"\0" * 100):
        path.write_bytes(data)
        with pytest.raises(DeployKitError):
            ensure(path)
    assert not list(cache.glob("*/releases/*"))


def test_an_unknown_format_is_named(tmp_path: Path, cache: Path) -> None:
    text = make_manifest((make_layer("app", "app", "", TREE),)).dumps()
    text = text.replace('"format": 1', '"format": 7')
    layer = make_layer("app", "app", "", TREE)
    path = write_bundle(
        tmp_path / "x.pyz",
        make_manifest((layer,)),
        {"app": TREE},
        {"manifest.json": text.encode()},
    )
    refused(path, cache, "unknown bundle format 7")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "app/../../evil", "app/\\evil", "lib64/evil", "bin/python"]
)
def test_paths_that_leave_the_release_are_refused(tmp_path: Path, cache: Path, name: str) -> None:
    path = bundle_of(tmp_path / "x.pyz", {**TREE, name: b"evil"})
    refused(path, cache, "which is not allowed in a bundle")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("name", ["../evil", "/evil", "evil", "layers/../evil", "layers/a/b"])
def test_members_that_are_no_part_of_a_bundle_are_refused(
    tmp_path: Path, cache: Path, name: str
) -> None:
    layer = make_layer("app", "app", "", TREE)
    path = write_bundle(tmp_path / "x.pyz", make_manifest((layer,)), {"app": TREE}, {name: b""})
    refused(path, cache, "which is not part of a bundle")


def rewritten(path: Path, change: object) -> Path:
    """Write a bundle's members anew, as ``change`` gives them, with a right seal."""
    with zipfile.ZipFile(path) as old:
        members = [(info.filename, old.read(info)) for info in old.infolist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for name, data in members:
            change(new, name, data)  # type: ignore[operator]
        new.comment = SEAL + b"0" * 64
    body = out.getvalue()[:-64]
    path.write_bytes(body + hashlib.sha256(body).hexdigest().encode())
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_there_twice_are_refused(tmp_path: Path) -> None:
    def twice(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
        for _ in range(1 + (name == "manifest.json")):
            archive.writestr(name, data)

    path = rewritten(bundle_of(tmp_path / "x.pyz", TREE), twice)
    with pytest.raises(DeployKitError, match=r"'manifest\.json' twice"):
        ensure(path)


def test_members_that_are_links_or_compressed_are_refused(tmp_path: Path) -> None:
    def link(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = (0o120777 if name == "sample.ini" else 0o100644) << 16
        archive.writestr(info, data)

    path = rewritten(bundle_of(tmp_path / "x.pyz", TREE), link)
    with pytest.raises(DeployKitError, match=r"'sample\.ini' as a link"):
        ensure(path)

    def packed(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
        archive.writestr(name, data, zipfile.ZIP_DEFLATED if name == "sample.ini" else 0)

    path = rewritten(bundle_of(tmp_path / "y.pyz", TREE), packed)
    with pytest.raises(DeployKitError, match="it must be stored"):
        ensure(path)


def test_a_layer_may_not_hold_more_than_it_lists(tmp_path: Path, cache: Path) -> None:
    path = bundle_of(tmp_path / "x.pyz", TREE, zip=layer_zip({**TREE, "app/more.py": b""}))
    refused(path, cache, "does not contain the files that it lists")


def test_a_layer_that_is_larger_than_the_manifest_says_is_refused(
    tmp_path: Path, cache: Path
) -> None:
    tree = {**TREE, "app/large": b"0" * 100_000}
    layer = make_layer("app", "app", "", tree)
    small = type(layer)(layer.kind, layer.name, layer.version, layer.sha256, 10, layer.files)
    path = write_bundle(tmp_path / "x.pyz", make_manifest((small,)), {"app": tree})
    refused(path, cache, "does not have the size given in the manifest")


def test_what_inflates_to_more_than_it_declares_fills_neither_memory_nor_disk(
    tmp_path: Path,
) -> None:
    """The archive's own header lies about a member of 1 GB; the process may have 300 MB."""
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("app/manage.py", "w") as member,
    ):
        for _ in range(1024):
            member.write(b"\0" * (1 << 20))
    data = bytearray(bomb.getvalue())
    entries = [FileEntry("app/manage.py", 0o644, 1000, hashlib.sha256(b"\0" * 1000).hexdigest())]
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 1000)  # the size that the directory declares
    layer = make_layer("app", "app", "", {"app/manage.py": b"\0" * 1000})
    assert layer.sha256 == tree_digest(entries)
    path = write_bundle(
        tmp_path / "x.pyz",
        make_manifest((layer,)),
        {"app": {"app/manage.py": b"\0" * 1000}},
        {
            f"layers/{layer.sha256}.zip": bytes(data),
            f"layers/{layer.sha256}.json": dump_list(entries).encode(),
        },
    )
    done = subprocess.run(
        ["sh", "-c", f"ulimit -v 300000; exec {sys.executable} {path} deploykit verify"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "cannot be read" in done.stdout + done.stderr or "digest" in done.stdout + done.stderr
    assert "MemoryError" not in done.stderr


def test_a_large_file_is_extracted_piece_by_piece(tmp_path: Path, cache: Path) -> None:
    tree: Tree = {**TREE, "app/large.bin": b"0123456789abcdef" * (40 << 16)}
    path = bundle_of(tmp_path / "x.pyz", tree)
    release = ensure(path)
    assert (release / "app/large.bin").read_bytes() == tree["app/large.bin"]
