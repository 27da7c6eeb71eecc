"""Sizes for people."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.sizes import in_bytes


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        (5 << 30, "5.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_a_size_has_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert in_bytes(size) == text
