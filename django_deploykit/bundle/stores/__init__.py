"""Places that keep bundles, one a module. ``STORES`` is the table of them."""

from __future__ import annotations

from django_deploykit.bundle.stores import folder
from django_deploykit.bundle.stores.base import Store

DEFAULT = "folder"
STORES: dict[str, Store] = {DEFAULT: folder.STORE}
