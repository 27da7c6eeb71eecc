"""Names and texts of wheels, read by the library that installers use."""

from __future__ import annotations

import csv
import random

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement as Parsed
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from django_deploykit.bundle.formats.wheel import name
from django_deploykit.bundle.formats.wheel_archive import text_member
from django_deploykit.bundle.formats.wheel_files import (
    metadata_text,
    package_name,
    record_text,
    requirements_text,
    wheel_project,
    wheel_version,
)
from django_deploykit.bundle.locks.base import Requirement
from django_deploykit.runtime.bundle.manifest import Layer
from tests.bundles import make_layer, make_manifest

HASH = "sha256:" + "ab" * 32
IDS = [
    "20251231T235959-fffffff",
    "20260101T000000-0000000",
    "20260101T000001-1234567",
    "20260101T000001-ab12cd3",
    "20260101T090000-0012345",
    "20260101T100000-0012345",
    "20261123T041500-ab12cd3",
    "20261123T041500-ab12cd34",
]


def locked(name: str, version: str) -> Layer:
    return make_layer("distribution", name, version, {})


def test_versions_sort_as_releases_do() -> None:
    mixed = random.Random(1).sample(IDS, len(IDS))
    assert sorted(mixed, key=lambda one: Version(wheel_version(one))) == sorted(mixed)
    assert len({Version(wheel_version(one)) for one in IDS}) == len(IDS)


@pytest.mark.parametrize("release", IDS)
def test_a_version_is_in_the_normal_form_and_has_the_whole_hash(release: str) -> None:
    version = wheel_version(release)
    assert str(Version(version)) == version
    assert version.endswith(f"+g{release.partition('-')[2]}")


def test_installers_can_parse_the_file_name() -> None:
    project, version, _, tags = parse_wheel_filename(name(make_manifest((), project="my-shop")))
    assert (project, str(version)) == ("my-shop", "20261123.41500+gab12cd3")
    assert [str(tag) for tag in tags] == ["py3-none-any"]


def test_a_locked_distribution_keeps_its_name() -> None:
    manifest = make_manifest((locked("shop", "1.0"),))
    assert wheel_project(manifest) == "shop-bundle"
    assert wheel_project(make_manifest(())) == "shop"
    assert package_name(make_manifest((), project="my-shop")) == "my_shop_bundle"


def test_the_metadata_requires_exactly_what_is_locked() -> None:
    manifest = make_manifest((locked("django", "5.2.1"), locked("torch", "2.0+cpu")))
    parsed = Metadata.from_email(metadata_text(manifest).encode())
    assert [str(one) for one in parsed.requires_dist or ()] == ["django==5.2.1", "torch==2.0+cpu"]
    assert str(parsed.requires_python) == f"=={manifest.python}.*"


def test_record_quotes_odd_names() -> None:
    rows = list(csv.reader(record_text([text_member('a,"b".txt', "x")], "R").splitlines()))
    assert rows == [
        ['a,"b".txt', "sha256=LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE", "1"],
        ["R", "", ""],
    ]


def test_requirements_have_hashes_and_no_passwords() -> None:
    rows = [
        Requirement("django==5.2.1", (HASH, HASH), ""),
        Requirement("tool @ https://ann:secret@example.org/tool-1.0.zip", (HASH,), ""),
        Requirement("./vendor/ours-1.0-py3-none-any.whl", (HASH,), ""),
        Requirement("lib @ git+https://ann:secret@example.org/lib@" + "a" * 40, (), ""),
        Requirement("./libs/own", (), ""),
    ]
    manifest = make_manifest((locked("ours", "1.0"), locked("own", "2.0")))
    text = requirements_text(rows, manifest)
    assert "secret" not in text
    joined = text.replace(" \\\n   ", "").splitlines()
    real = [line for line in joined if not line.startswith("#")]
    parsed = [Parsed(line.partition(" --hash")[0]) for line in real]
    assert [(one.name, str(one.specifier), one.url) for one in parsed] == [
        ("django", "==5.2.1", None),
        ("tool", "", "https://example.org/tool-1.0.zip"),
        ("ours", "==1.0", None),
    ]
    assert all(f"--hash={HASH}" in line for line in real)
    assert [line for line in joined if "own==2.0" in line or "lib @" in line] == joined[-2:]
