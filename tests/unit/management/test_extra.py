"""Commands whose tools are not installed."""

from __future__ import annotations

import sys

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.extra import SHIPPING, need_extra


def test_names_what_is_missing_and_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setitem(sys.modules, "fabric", None)
    with pytest.raises(DeployKitError) as caught:
        need_extra("release", SHIPPING)
    assert str(caught.value) == (
        "release needs uv and fabric: pip install 'django-deploykit[deploy]'"
    )


def test_is_content_where_all_is_there() -> None:
    need_extra("release", SHIPPING)
