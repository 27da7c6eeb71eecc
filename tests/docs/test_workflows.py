"""The workflows run what tox has."""

from __future__ import annotations

import re
from configparser import ConfigParser
from itertools import product

from tests.docs.markdown import ROOT


def tox_environments() -> set[str]:
    """Return the environments of tox, generated ones by their full names."""
    ini = ConfigParser(interpolation=None)
    ini.read(ROOT / "tox.ini", encoding="utf-8")
    found = set()
    for line in ini["tox"]["env_list"].split():
        parts = [part.split(",") for part in re.split(r"[{}]", line)]
        found |= {"".join(words) for words in product(*parts)}
    return found


def test_reads_generated_names() -> None:
    assert {"lint", "py310-django42", "py312-django42"} <= tox_environments()


def test_every_environment_runs_on_each_push() -> None:
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    run = {*re.findall(r"env: ([\w-]+)\}", text), *re.findall(r"run -e ([\w-]+)$", text, re.M)}
    # `package` needs a commit to build; no Python 3.14 is required to run all of tox. `coverage`
    # combines what other environments measured on the same machine.
    assert run == (tox_environments() - {"coverage"}) | {"package", "py314-django61"}


def test_the_python_of_an_environment_is_installed() -> None:
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    rows = re.findall(r'\{python: "3\.(\d+)", env: py3(\d+)-', text)
    assert len(rows) > 5
    assert [one for one, other in rows if one != other] == []
