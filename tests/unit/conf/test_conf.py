"""What settings.py and tools import from ``django_deploykit.conf``."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_an_import_loads_only_what_most_settings_need() -> None:
    code = (
        "import sys, django_deploykit.conf as conf\n"
        "print(*(name.rpartition('.')[2] for name in sys.modules if name.startswith(conf.__name__)))\n"
        "print(conf.register.__module__, conf.Declaration.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded, later = done.stdout.splitlines()
    assert not {"declarations", "ini", "production", "schemes", "services"} & set(loaded.split())
    assert later == "django_deploykit.conf.schemes django_deploykit.conf.declarations"


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Confg'"):
        _ = conf.Confg  # type: ignore[attr-defined]
