"""Formats of the bundle file, one for each module. ``FORMATS`` lists them."""

from __future__ import annotations

from django_deploykit.bundle.formats import pyz
from django_deploykit.bundle.formats.base import Format

DEFAULT = "pyz"
FORMATS: dict[str, Format] = {DEFAULT: pyz.FORMAT}
