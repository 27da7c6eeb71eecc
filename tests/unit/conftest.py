"""What holds for every unit test: Django's deprecations are no news, and requests can be served again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.signals import request_started

# What one Django deprecates is the only way in another that we support.
DEPRECATED = (
    "ignore::django.utils.deprecation.RemovedInNextVersionWarning",
    "ignore::django.utils.deprecation.RemovedAfterNextVersionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these warnings out of the summary, so that it shows those that somebody has to read."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(*DEPRECATED))


@pytest.fixture(autouse=True)
def serving() -> Iterator[None]:
    """Let requests be served again: settings with stand-ins forbid it for the whole process."""
    yield
    request_started.disconnect(dispatch_uid="django_deploykit.building")
