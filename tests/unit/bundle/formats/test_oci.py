"""The options of images, and what is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.formats.oci import KEYS, Named, is_valid_name, read_named, write
from django_deploykit.errors import BundleError
from tests.bundles import make_manifest


@pytest.mark.parametrize("text", ["", "@sha256:00", f"@sha256:{'0' * 64}", "a@sha256:XY"])
def test_an_option_that_is_no_base_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must look like FILE@sha256:DIGEST"):
        read_named(text)
    assert read_named("a.tar") == Named("a.tar", "")


def test_a_base_is_required_and_where_to_get_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="needs a base image") as caught:
        write(Content(make_manifest(()), {}, {}), tmp_path / "one")
    assert "skopeo copy" in caught.value.hint


def test_a_name_that_registries_refuse_is_refused(tmp_path: Path) -> None:
    options = {"base": Named("base", "0" * 64)}
    with pytest.raises(BundleError, match="shop- is not a valid name of an image"):
        write(Content(make_manifest((), project="shop-"), {}, {}, options), tmp_path / "one")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("shop", True),
        ("registry.example.com:5000/team/shop_x", True),
        ("Shop", False),
        ("shop:1", False),
        ("shop/", False),
        ("a b", False),
        ("x" * 300, False),
    ],
)
def test_names_of_images(name: str, valid: bool) -> None:
    assert is_valid_name(name) is valid
    if not valid:
        with pytest.raises(ValueError, match="must be the name of an image"):
            KEYS["name"][0](name)


def test_the_path_of_the_health_check_must_be_one() -> None:
    assert KEYS["health"][0]("/livez") == "/livez"
    with pytest.raises(ValueError, match="must be a path"):
        KEYS["health"][0]("livez")
