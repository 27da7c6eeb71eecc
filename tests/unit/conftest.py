"""What tests of settings for building leave behind in the process is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.signals import request_started


@pytest.fixture(autouse=True)
def serving() -> Iterator[None]:
    """Let requests be served again: settings with stand-ins forbid it for the whole process."""
    yield
    request_started.disconnect(dispatch_uid="django_deploykit.building")
