"""What the integration tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bundling import built_shop, caches, links, stage
from tests.integration.sites import Shop, Workshop

__all__ = ["built_shop", "caches", "links", "live_shop", "shop", "stage", "workshop"]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Bundles of the shop in several states, shared by all workers of pytest."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    return Workshop(base / "workshop")


@pytest.fixture
def shop(workshop: Workshop, tmp_path: Path) -> Iterator[Shop]:
    """A shop with a site of its own, not released yet; stopped afterwards."""
    made = Shop(workshop, tmp_path)
    yield made
    made.close()


@pytest.fixture
def live_shop(shop: Shop) -> Shop:
    """A shop whose first release is live; its layers were there before."""
    shop.workshop.stock(shop.root / "store")
    done = shop.release("first")
    assert done.code == 0, done.err
    return shop
