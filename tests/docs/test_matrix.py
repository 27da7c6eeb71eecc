"""Which environments of tox run which unit tests."""

from __future__ import annotations

from configparser import ConfigParser

from tests.docs.markdown import ROOT
from tests.docs.test_workflows import tox_environments


def test_the_runtime_is_tested_on_each_python() -> None:
    """Environments that leave its tests out have another one with the same Python."""
    ini = ConfigParser(interpolation=None)
    ini.read(ROOT / "tox.ini", encoding="utf-8")
    (line,) = [line for line in ini["testenv"]["commands"].splitlines() if "--ignore" in line]
    names, _, command = line.partition(": ")
    assert command.split()[4:-1] == ["--ignore=tests/unit/runtime"]
    without = set(names.split(","))
    assert without <= tox_environments()
    whole = {name.partition("-")[0] for name in tox_environments() - without}
    assert {name.partition("-")[0] for name in without} <= whole
