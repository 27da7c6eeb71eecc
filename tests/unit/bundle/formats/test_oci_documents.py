"""The documents of an image: what engines and registries read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle.formats.oci import read_named
from django_deploykit.bundle.formats.oci_base import Base, read_base
from django_deploykit.bundle.formats.oci_documents import Part, full_name, make_documents
from django_deploykit.bundle.formats.oci_tar import Blob
from django_deploykit.runtime.bundle.manifest import Process
from tests.bundles import make_manifest
from tests.images import digest, write_base

_RUN = {
    "Env": ["LANG=C.UTF-8", "PATH=/opt/bin:/usr/bin"],
    "Cmd": ["python3"],
    "Labels": {"org.opencontainers.image.title": "python", "maintainer": "somebody"},
    "Healthcheck": {"Test": ["NONE"]},
}
_PARTS = [Part("django", Blob("a" * 64, "b" * 64, 5))]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    named = write_base(tmp_path / "base", run=_RUN, history=[{"created_by": "x"}], variant="v8")
    return read_base(read_named(named), tmp_path, make_manifest(()))


def documents(base: Base, health: str = "", **changes: Any) -> list[Any]:
    found = make_documents(make_manifest((), **changes), base, _PARTS, "shop", health)
    return [json.loads(one) for one in found]


def test_containers_run_the_web_process_as_a_user_without_rights(base: Base) -> None:
    run = documents(base, "/livez")[0]["config"]
    assert run["User"] == "65532:65532"
    assert [*run["Entrypoint"], *run["Cmd"]] == ["/srv/release/bin/shop", "web"]
    assert run["WorkingDir"] == "/srv/release/app"
    assert run["Healthcheck"]["Test"] == ["CMD", "/srv/release/bin/shop", "--probe", "/livez"]
    assert "PATH=/srv/release/bin:/opt/bin:/usr/bin" in run["Env"]
    assert "LANG=C.UTF-8" in run["Env"]
    assert len([one for one in run["Env"] if one.startswith("PATH=")]) == 1


def test_without_a_web_process_there_is_nothing_to_probe(base: Base) -> None:
    run = documents(base, processes=(Process("worker", "celery worker"),))[0]["config"]
    assert not {"Cmd", "Healthcheck", "ExposedPorts"} & run.keys()


def test_labels_name_the_release_and_the_base(base: Base) -> None:
    config, manifest, index, docker = documents(base)
    labels = config["config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == "20261123T041500-ab12cd3"
    assert labels["org.opencontainers.image.revision"] == "ab12cd3" + "0" * 33
    assert labels["org.opencontainers.image.created"] == config["created"] == "2026-11-23T04:15:00Z"
    assert labels["org.opencontainers.image.title"] == "shop"
    assert labels["org.opencontainers.image.base.digest"] == f"sha256:{base.digest}"
    assert labels["maintainer"] == "somebody"
    assert labels.items() >= manifest["annotations"].items()
    assert docker[0]["RepoTags"] == ["shop:20261123T041500-ab12cd3"]
    assert index["manifests"][0]["platform"]["variant"] == "v8"


def test_layers_are_those_of_the_base_and_the_parts(base: Base) -> None:
    found = make_documents(make_manifest(()), base, _PARTS, "shop", "")
    config, manifest = json.loads(found.config), json.loads(found.manifest)
    assert manifest["config"]["digest"] == f"sha256:{digest(found.config)}"
    assert manifest["layers"][1]["digest"] == f"sha256:{'a' * 64}"
    assert config["rootfs"]["diff_ids"][1] == f"sha256:{'b' * 64}"
    assert [one["created_by"] for one in config["history"]] == ["x", "bundle: django"]
    row = json.loads(found.layout)["manifests"][0]
    assert (row["digest"], row["size"]) == (f"sha256:{digest(found.manifest)}", len(found.manifest))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", "docker.io/library/shop"),
        ("team/shop", "docker.io/team/shop"),
        ("localhost/shop", "localhost/shop"),
        ("registry.example.com/team/shop", "registry.example.com/team/shop"),
    ],
)
def test_names_without_a_registry_are_of_docker_hub(name: str, expected: str) -> None:
    assert full_name(name) == expected
