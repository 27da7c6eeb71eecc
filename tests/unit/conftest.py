"""What holds for every unit test: a warning is an error, and requests can be served again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.signals import request_started

# How tests handle warnings; the last filter that fits decides.
WARNINGS = (
    "error",
    # What one Django deprecates is the only way in another that we support.
    "ignore::django.utils.deprecation.RemovedInNextVersionWarning",
    "ignore::django.utils.deprecation.RemovedAfterNextVersionWarning",
    # Django's override_settings. No test queries a database whose settings it replaces.
    "ignore:Overriding setting DATABASES:UserWarning",
    # os.fork clears the exception that "error" raises. tests/conftest.py fails the run instead.
    "default:.*is multi-threaded, use of fork:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Use the filters for the unit tests only: the other tiers run other people's programs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(*WARNINGS))


@pytest.fixture(autouse=True)
def serving() -> Iterator[None]:
    """Let requests be served again: settings with stand-ins forbid it for the whole process."""
    yield
    request_started.disconnect(dispatch_uid="django_deploykit.building")
