"""Places that keep bundles, one for each module. ``STORES`` lists them."""

from __future__ import annotations

from django_deploykit.bundle.stores import folder
from django_deploykit.bundle.stores.base import Store

DEFAULT = "folder"
STORES: dict[str, Store] = {DEFAULT: folder.STORE}
