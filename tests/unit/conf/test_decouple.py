"""Calls with python-decouple's signature."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf import ConfigError
from tests.unit.conf.configs import make


def test_a_call_has_the_signature_of_python_decouple(tmp_path: Path) -> None:
    from decouple import Choices, Csv

    config = make(tmp_path, PORT="80", DEBUG="off", NAMES="a,b", COLOUR="red")
    assert config("PORT", cast=int) == 80
    assert config("DEBUG", default=True, cast=bool) is False
    assert config("NAMES", cast=Csv()) == ["a", "b"]
    assert config("COLOUR", cast=Choices(["red", "blue"])) == "red"
    assert config("ABSENT", default=None, cast=int) is None
    assert config("ABSENT2", default="5", cast=int) == 5
    with pytest.raises(ConfigError) as caught:
        config("NAMES", cast=int)
    assert "a,b" not in str(caught.value)


def test_a_call_validates_security_settings(tmp_path: Path) -> None:
    from decouple import Csv

    with pytest.raises(ConfigError, match="SECRET_KEY: is a placeholder"):
        make(tmp_path, SECRET_KEY="change-me")("SECRET_KEY")
    with pytest.raises(ConfigError, match="has a scheme"):
        make(tmp_path, ALLOWED_HOSTS="a.org,https://b.org")("ALLOWED_HOSTS", cast=Csv())
    in_debug = make(tmp_path, SECRET_KEY="change-me", DEBUG="true")
    assert in_debug("SECRET_KEY") == "change-me"
    with pytest.raises(ConfigError, match="DEBUG: expected true or false"):
        make(tmp_path, DEBUG="Flase")("DEBUG", default=False, cast=bool)


@pytest.mark.parametrize(
    ("default", "value"), [("False", False), ("", False), (0, False), ("on", True), (None, None)]
)
def test_a_call_casts_its_default_as_decouple_does(
    tmp_path: Path, default: object, value: bool | None
) -> None:
    import decouple

    assert make(tmp_path)("ABSENT", default=default, cast=bool) is value
    if default is not None:
        theirs = decouple.Config(decouple.RepositoryEmpty())
        assert theirs("ABSENT", default=default, cast=bool) is value
