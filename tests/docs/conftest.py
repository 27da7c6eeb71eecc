"""In which order the tests of the documentation begin."""

from __future__ import annotations

import pytest

from tests.order import begin_with


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the two that run a page's commands: they take longer than all others together."""
    begin_with(items, ("test_tutorial", "test_release_from_ci"))
