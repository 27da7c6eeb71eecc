"""The bill of materials follows CycloneDX 1.6."""

from __future__ import annotations

import json
import re

from django_deploykit.bundle.sbom import make_sbom
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Layer

H = "d" * 64
LAYERS = (
    Layer("distribution", "django", "5.2", H, 10, 1),
    Layer("distribution", "a-b", "1.0+local.1", "e" * 64, 10, 1),
    Layer("app", "app", "", "f" * 64, 10, 1),
)
DIGESTS = {"django": (f"sha256:{H}",), "a-b": ("sha256:aa", "sha256:bb")}


def sbom() -> Document:
    data: Document = json.loads(
        make_sbom("shop", "20261123T041500-ab12cd3", "c", 1795407300, LAYERS, DIGESTS)
    )
    return data


def test_holds_what_the_standard_requires() -> None:
    data = sbom()
    assert (data["bomFormat"], data["specVersion"], data["version"]) == ("CycloneDX", "1.6", 1)
    uuid = r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    assert re.fullmatch(uuid, data["serialNumber"])
    assert data["metadata"]["timestamp"] == "2026-11-23T04:15:00Z"
    assert data["metadata"]["component"]["type"] == "application"
    references = [
        data["metadata"]["component"]["bom-ref"],
        *(one["bom-ref"] for one in data["components"]),
    ]
    assert len(set(references)) == len(references)
    for component in data["components"]:
        assert component["type"] == "library"
        assert component["name"]
    for row in data["dependencies"]:
        assert {row["ref"], *row["dependsOn"]} <= set(references)
    assert set(data) <= {
        "$schema",
        "bomFormat",
        "specVersion",
        "serialNumber",
        "version",
        "metadata",
        "components",
        "dependencies",
    }  # the schema allows no other of ours


def test_names_distributions_by_package_url_and_leaves_the_projects_own_layers_out() -> None:
    assert [one["purl"] for one in sbom()["components"]] == [
        "pkg:pypi/a-b@1.0%2Blocal.1",
        "pkg:pypi/django@5.2",
    ]


def test_gives_the_hash_of_the_one_file_that_the_lock_allows_and_names_several_as_allowed() -> None:
    several, single = sbom()["components"]
    assert single["hashes"] == [{"alg": "SHA-256", "content": H}]
    assert "hashes" not in several
    assert [one["value"] for one in several["properties"] if one["name"].endswith(":locked")] == [
        "sha256:aa",
        "sha256:bb",
    ]


def test_is_the_same_for_the_same_layers_in_any_order() -> None:
    arguments = ("shop", "r", "c", 0)
    assert make_sbom(*arguments, LAYERS, DIGESTS) != make_sbom("shop", "r", "d", 0, LAYERS, DIGESTS)
    first = json.loads(make_sbom(*arguments, LAYERS, DIGESTS))
    again = json.loads(make_sbom(*arguments, LAYERS[::-1], DIGESTS))
    assert first["components"] == again["components"]


def test_its_own_python_is_a_platform() -> None:
    python = Layer("interpreter", "python", "3.12.1", "a" * 64, 10, 1)
    texts = [
        make_sbom("shop", "20261123T041500-ab12cd3", "c", 1795407300, layers, DIGESTS)
        for layers in (LAYERS, (*LAYERS, python))
    ]
    before, data = map(json.loads, texts)
    (found,) = [one for one in data["components"] if one["type"] == "platform"]
    assert (found["name"], found["version"]) == ("python", "3.12.1")
    assert found["bom-ref"] in data["dependencies"][0]["dependsOn"]
    assert data["serialNumber"] != before["serialNumber"]
