"""The JSON documents of an image (pure): configuration, manifest and index."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django_deploykit.bundle.formats.oci_base import Base, search_path
from django_deploykit.bundle.formats.oci_layout import (
    CONFIG,
    GZIP,
    INDEX,
    MANIFEST,
    Descriptor,
    as_list,
)
from django_deploykit.bundle.formats.oci_release import ROOT, USER, command, environment
from django_deploykit.bundle.formats.oci_tar import Blob
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.container import PROBE

_LABEL = "org.opencontainers.image."
_SECOND = 1_000_000_000  # nanoseconds, as engines count
_PORT = 8000


class Part(NamedTuple):
    """A layer of the image above its base, and what is in it."""

    name: str
    blob: Blob


class Documents(NamedTuple):
    """The documents of an image as bytes."""

    config: bytes
    manifest: bytes
    layout: bytes  # index.json
    docker: bytes  # for `docker load`: Docker before version 25 knows no layout


def make_documents(
    manifest: Manifest, base: Base, parts: Sequence[Part], name: str, health: str
) -> Documents:
    """Return the documents of an image. ``health`` is the path that a health check requests."""
    config = dump(make_config(manifest, base, parts, health))
    labels = image_labels(manifest, base)
    layers = [*base.layers, *(Descriptor(GZIP, one.blob.digest, one.blob.size) for one in parts)]
    image = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _row(Descriptor(CONFIG, sha256(config), len(config))),
        "layers": [_row(one) for one in layers],
        "annotations": labels,
    }
    written = dump(image)
    reference = f"{name}:{manifest.release_id}"
    names = {f"{_LABEL}ref.name": reference, "io.containerd.image.name": full_name(reference)}
    row = {**_row(Descriptor(MANIFEST, sha256(written), len(written))), "annotations": names}
    row["platform"] = {key: base.config[key] for key in _PLATFORM if key in base.config}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}
    docker = {
        "Config": f"blobs/sha256/{sha256(config)}",
        "RepoTags": [reference],
        "Layers": [f"blobs/sha256/{one.digest}" for one in layers],
    }
    return Documents(config, written, dump(index), dump([docker]))


_PLATFORM = ("architecture", "os", "variant", "os.version", "os.features")


def make_config(manifest: Manifest, base: Base, parts: Sequence[Part], health: str) -> Document:
    """Return the configuration of an image: what its containers run, and its layers."""
    created = moment(manifest)
    own = environment(manifest, search_path(base.run))
    kept = [
        row
        for row in as_list(base.run.get("Env"))
        if isinstance(row, str) and row.partition("=")[0] not in own
    ]
    start = command(manifest)
    run: Document = {
        "User": f"{USER}:{USER}",
        "Env": [*kept, *(f"{key}={value}" for key, value in sorted(own.items()))],
        "Entrypoint": [start],
        "WorkingDir": f"/{ROOT}/app",
        "Labels": {**_base_labels(base), **image_labels(manifest, base)},
        "StopSignal": "SIGTERM",
    }
    if any(process.name == "web" for process in manifest.processes):
        run["Cmd"] = ["web"]
        run["ExposedPorts"] = {f"{_PORT}/tcp": {}}
        run["Healthcheck"] = {
            "Test": ["CMD", start, PROBE, *([health] if health else [])],
            "Interval": 30 * _SECOND,
            "Timeout": 15 * _SECOND,
            "StartPeriod": 60 * _SECOND,
            "Retries": 3,
        }
    history = base.config.get("history")
    return {
        **{key: base.config[key] for key in _PLATFORM if key in base.config},
        "created": created,
        "config": run,
        "rootfs": {
            "type": "layers",
            "diff_ids": [
                *base.config["rootfs"]["diff_ids"],
                *(f"sha256:{one.blob.diff_id}" for one in parts),
            ],
        },
        "history": [
            *_history(history, len(base.layers)),
            *({"created": created, "created_by": f"bundle: {one.name}"} for one in parts),
        ],
    }


def _history(rows: object, layers: int) -> list[Document]:
    """Return the history of a base, which must have a row for each layer that is not empty."""
    found = [row for row in as_list(rows) if isinstance(row, dict)]
    if sum(not row.get("empty_layer") for row in found) == layers:
        return found
    return [{"created_by": "base"}] * layers


def _base_labels(base: Base) -> dict[str, str]:
    """Return the labels of a base, except for those that describe the base itself."""
    labels = base.run.get("Labels")
    rows = labels.items() if isinstance(labels, dict) else ()
    return {
        key: value for key, value in rows if isinstance(value, str) and not key.startswith(_LABEL)
    }


def image_labels(manifest: Manifest, base: Base) -> dict[str, str]:
    """Return the labels that say what an image is."""
    return {
        f"{_LABEL}title": manifest.project,
        f"{_LABEL}version": manifest.release_id,
        f"{_LABEL}revision": manifest.commit,
        f"{_LABEL}created": moment(manifest),
        f"{_LABEL}base.digest": f"sha256:{base.digest}",
    }


def moment(manifest: Manifest) -> str:
    """Return the commit's time, as ``2026-11-23T04:15:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(manifest.commit_time))


def full_name(reference: str) -> str:
    """Return a reference with its registry, which is Docker Hub by default.

    >>> full_name("shop:1"), full_name("registry.example.com/shop:1")
    ('docker.io/library/shop:1', 'registry.example.com/shop:1')
    """
    first, slash, _ = reference.partition("/")
    if slash and (set(first) & set(".:") or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


def dump(value: object) -> bytes:
    """Return canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    """Return a document's digest in hex."""
    return hashlib.sha256(data).hexdigest()


def _row(one: Descriptor) -> Mapping[str, object]:
    return {"mediaType": one.media_type, "digest": f"sha256:{one.digest}", "size": one.size}
