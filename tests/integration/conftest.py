"""What the integration tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bundling import built_shop, caches, links, stage
from tests.integration.checking import clean, stock
from tests.integration.sites import Shop, Workshop
from tests.order import begin_with
from tests.sshd import agent, sshd, start_sshd

__all__ = [
    "agent",
    "built_shop",
    "caches",
    "clean",
    "links",
    "live_shop",
    "shop",
    "sshd",
    "stage",
    "start_sshd",
    "stock",
    "workshop",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    begin_with(items, ("test_benchmarks",))


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


@pytest.fixture(scope="session")
def first_shop(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Shop, Path]]:
    """A shop whose first release went live for real, stopped again, and a copy of it to start from."""
    made = Shop(workshop, tmp_path_factory.mktemp("live"))
    workshop.stock(made.root / "store")
    done = made.release("first")
    assert done.code == 0, done.err
    made.close()
    kept = made.project.with_name("kept")
    made.keep(kept)
    yield made, kept
    made.close()


@pytest.fixture
def live_shop(first_shop: tuple[Shop, Path]) -> Iterator[Shop]:
    """A shop whose first release is live, as every test finds it anew."""
    made, kept = first_shop
    made.restore(kept)
    yield made
    made.close()
