"""The software bill of materials (SBOM): CycloneDX 1.6 in JSON (pure)."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from django_deploykit.runtime.bundle.manifest import INTERPRETER, Layer

_ALGORITHMS = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
# A random constant. Serial numbers are derived from it and from the content.
_NAMESPACE = uuid.UUID("6d0f2a8c-3f0e-5b57-9a43-2f6f0c1f5a11")


def make_sbom(
    project: str,
    release: str,
    commit: str,
    moment: int,
    layers: Sequence[Layer],
    digests: Mapping[str, Sequence[str]],
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the SBOM's JSON, which is always the same for the same arguments.

    ``moment`` is the commit's time in seconds since the epoch. ``digests`` are the lock file's
    hashes for each distribution, such as ``sha256:…``. ``plugins`` has the lock file of each
    distribution that only the lock file of the plug-ins has.
    """
    parts = [layer for layer in layers if layer.kind == "distribution"]
    pythons = [layer for layer in layers if layer.kind == INTERPRETER]
    reference = f"{project}@{release}"
    data: dict[str, object] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, ' '.join([reference, commit, *(one.sha256 for one in (*parts, *pythons))]))}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)),
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": project,
                "version": release,
            },
        },
        "components": [
            _component(layer, digests.get(layer.name, ()), plugins.get(layer.name, ""))
            for layer in sorted(parts, key=lambda one: one.name)
        ]
        + [_platform(layer) for layer in pythons],
        "dependencies": [{"ref": reference, "dependsOn": sorted(map(_purl, (*parts, *pythons)))}],
    }
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def _purl(layer: Layer) -> str:
    if layer.kind == INTERPRETER:
        return f"pkg:generic/python@{layer.version}"
    return f"pkg:pypi/{quote(layer.name, safe='')}@{quote(layer.version, safe='')}"


def _platform(layer: Layer) -> dict[str, object]:
    """Return the component of the bundle's own Python."""
    return {
        "type": "platform",
        "bom-ref": _purl(layer),
        "name": "python",
        "version": layer.version,
        "purl": _purl(layer),
        "properties": [{"name": "django-deploykit:layer", "value": layer.sha256}],
    }


def _component(layer: Layer, digests: Sequence[str], plugins: str) -> dict[str, object]:
    """Return a component.

    If the lock file has exactly one hash, with an algorithm in ``_ALGORITHMS``, it is the
    component's hash. Otherwise all hashes of the lock file are properties.
    """
    properties = [("layer", layer.sha256)]
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": _purl(layer),
        "name": layer.name,
        "version": layer.version,
        "purl": _purl(layer),
    }
    known = [(kind, text) for kind, _, text in (one.partition(":") for one in digests)]
    if len(known) == 1 and known[0][0] in _ALGORITHMS:
        component["hashes"] = [{"alg": _ALGORITHMS[known[0][0]], "content": known[0][1]}]
    else:
        properties += [("locked", one) for one in sorted(digests)]
    properties += [("plugins", plugins)] if plugins else []
    component["properties"] = [
        {"name": f"django-deploykit:{name}", "value": value} for name, value in properties
    ]
    return component
