"""What settings.py and tools import from ``django_deploykit.conf``."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit import conf
from tests.unit.conf.configs import make


def test_all_configs_declare_settings_and_share_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_deploykit.conf.config._configs", [])
    assert conf.sample().startswith("# Configuration of this project.")
    make(tmp_path).str("X_Y", default="1")
    make(tmp_path).str("A_B", default="2")
    assert [one.env for one in conf.declared()] == ["X_Y", "A_B"]
    assert conf.sample().startswith("# Configuration of shop.")
    assert "[a]\n# (str, A_B)\n# b = 2\n" in conf.sample()
