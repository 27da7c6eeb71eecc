"""Whether a bundle can run on a base image, found out without running it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from django_deploykit.bundle.formats.oci import read_named
from django_deploykit.bundle.formats.oci_base import Base, read_base
from django_deploykit.errors import BundleError
from tests.bundles import make_manifest
from tests.images import (
    FILES,
    LIBC,
    PYTHON,
    digest,
    image_blobs,
    layer_tar,
    row,
    write_archive,
    write_base,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))


def read(named: str, **changes: object) -> Base:
    manifest = make_manifest((), **changes)
    return read_base(read_named(named), Path("/"), manifest)


def test_finds_python_and_glibc(tmp_path: Path) -> None:
    base = read(write_base(tmp_path / "base"), platform="linux-x86_64", glibc="2.17")
    assert base.contents.pythons == {PYTHON: f"/usr/bin/python{PYTHON}"}
    assert base.contents.glibc == "2.36"
    assert read(str(base.layout.path) + f"@sha256:{base.digest}").contents == base.contents


def test_the_first_python_of_the_path_counts_and_links_are_followed(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        **FILES,
        f"usr/local/bin/python{PYTHON}": f"../../../opt/py/bin/python{PYTHON}",
        f"opt/py/bin/python{PYTHON}": b"",
        "usr/bin/python3.2": "python3.1",
    }
    found = read(write_base(tmp_path / "base", files)).contents.pythons
    assert found == {PYTHON: f"/opt/py/bin/python{PYTHON}"}


def test_upper_layers_remove_what_lower_ones_have(tmp_path: Path) -> None:
    upper = {f"usr/bin/.wh.python{PYTHON}": b"", "lib/x86_64-linux-gnu/.wh..wh..opq": b""}
    blobs, image = image_blobs([layer_tar(FILES), layer_tar(upper)])
    with pytest.raises(BundleError, match="has none on its PATH"):
        read(write_archive(tmp_path / "base", blobs, image))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"python": "3.2"}, rf"needs Python 3\.2, and the base image .* has {PYTHON} on"),
        ({"platform": "linux-sparc"}, "is for linux/[a-z0-9]*; the bundle is for linux-sparc"),
        ({"glibc": "2.99"}, r"needs glibc 2\.99 or newer, and the base image .* has 2\.36"),
    ],
)
def test_a_base_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, str], problem: str
) -> None:
    named = write_base(tmp_path / "base", architecture="amd64")
    with pytest.raises(BundleError, match=problem):
        read(named, **{"platform": "linux-x86_64", **changes})


def test_another_c_library_is_refused(tmp_path: Path) -> None:
    files = {f"usr/bin/python{PYTHON}": b"", "lib/ld-musl-x86_64.so.1": b"musl"}
    named = write_base(tmp_path / "base", files, architecture="amd64")
    with pytest.raises(BundleError, match="has another C library"):
        read(named, platform="linux-x86_64", glibc="2.17")
    assert read(named, platform="any").contents.glibc == ""


def test_a_missing_or_wrong_digest_is_answered_with_the_right_one(tmp_path: Path) -> None:
    path, _, right = write_base(tmp_path / "base").partition("@")
    for wrong in (path, f"{path}@sha256:{'0' * 64}"):
        with pytest.raises(BundleError) as caught:
            read(wrong)
        assert right in caught.value.message
        assert "[format:oci] base" in caught.value.hint


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nothing\.tar does not exist"):
        read(str(tmp_path / "nothing.tar"))


def test_too_many_layers_are_refused(tmp_path: Path) -> None:
    tars = [layer_tar({**FILES, str(number): b""}) for number in range(60)]
    with pytest.raises(BundleError, match="has 60 layers, and at most 36 leave room"):
        read(write_archive(tmp_path / "base", *image_blobs(tars)))


@pytest.mark.parametrize(
    "rootfs", [None, {}, {"diff_ids": []}, {"diff_ids": [1]}, {"diff_ids": ["sha256:x", "y"]}]
)
def test_a_configuration_without_its_layers_is_damaged(tmp_path: Path, rootfs: object) -> None:
    with pytest.raises(BundleError, match="does not list its layers"):
        read(write_base(tmp_path / "base", rootfs=rootfs))


def test_a_layer_of_another_kind_says_what_to_do(tmp_path: Path) -> None:
    blobs, image = image_blobs([layer_tar(FILES)])
    text = blobs.pop(image).replace(b"tar+gzip", b"tar+zstd")
    blobs[digest(text)] = text
    with pytest.raises(BundleError, match=r"zstd.*cannot be checked") as caught:
        read(write_archive(tmp_path / "base", blobs, digest(text)))
    assert "skopeo copy" in caught.value.hint


def test_the_image_of_an_index_is_chosen_by_platform(tmp_path: Path) -> None:
    blobs, images = {}, []
    for machine in ("arm64", "amd64"):
        found, image = image_blobs([layer_tar({**FILES, "x": LIBC})], architecture=machine)
        blobs.update(found)
        one = row(found[image], "manifest.v1+json")
        images.append({**one, "platform": {"os": "linux", "architecture": machine}})
    index = json.dumps({"schemaVersion": 2, "manifests": images}).encode()
    blobs[digest(index)] = index
    named = write_archive(tmp_path / "base", blobs, digest(index))
    assert read(named, platform="linux-aarch64").config["architecture"] == "arm64"
    with pytest.raises(BundleError, match="has no image for linux/sparc; it has linux/arm64"):
        read(named, platform="linux-sparc")
