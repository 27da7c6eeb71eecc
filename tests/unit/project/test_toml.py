"""Reading TOML on every Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.project.toml import load_toml


def test_returns_the_content(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[a]\nb = 1\n")
    assert load_toml(path) == {"a": {"b": 1}}


@pytest.mark.parametrize("data", [b"a = \n", b"a = '\xff'\n"])
def test_raises_an_error_for_what_is_not_toml(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(data)
    with pytest.raises(ValueError):
        load_toml(path)
