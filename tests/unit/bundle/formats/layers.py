"""Layers in the build cache, for tests of formats."""

from __future__ import annotations

import hashlib

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.runtime.bundle.manifest import Layer, dump_list
from tests.bundles import Tree, entries_of, layer_zip, make_layer


def cache_layer(kind: str, name: str, version: str, tree: Tree) -> Layer:
    """Write a layer to the build cache."""
    layer = make_layer(kind, name, version, tree)
    archive, listing, checksum = layer_paths(layer.sha256)
    archive.write_bytes(layer_zip(tree))
    listing.write_text(dump_list(entries_of(tree)))
    checksum.write_text(hashlib.sha256(archive.read_bytes()).hexdigest())
    return layer
