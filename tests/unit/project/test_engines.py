"""The table of engines, and what deploykit.ini says of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from django_deploykit.conf.ini import read_ini
from django_deploykit.errors import Problems
from django_deploykit.project.engines import ENGINES, engine_keys, read_engine
from django_deploykit.project.inventory import Environment, read_inventory


def read(folder: Path, text: str) -> dict[str, Environment]:
    """Return the environments of a deploykit.ini."""
    path = folder / "deploykit.ini"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_inventory(read_ini(path))


def mistakes(folder: Path, text: str) -> list[str]:
    """Return the mistakes of a deploykit.ini, without the path."""
    with pytest.raises(Problems) as caught:
        read(folder, text)
    return [one.partition("deploykit.ini:")[2] for one in caught.value.problems]


@pytest.fixture
def _paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "paper", "tests.unit.engines.paper")


def test_without_the_key_hosts_are_the_engine(tmp_path: Path) -> None:
    text = "[environment:a]\nhosts = web1\n[environment:b]\nengine = hosts\nhosts = web1\n"
    found = read(tmp_path, text)
    assert {one.engine for one in found.values()} == {"hosts"}
    assert "batch" in engine_keys("hosts")


def test_an_unknown_engine_is_one_mistake_with_the_closest_name(tmp_path: Path) -> None:
    text = "[environment:a]\nengine = host\nreplicas = 3\nhosts = web1\n"
    assert mistakes(tmp_path, text) == [
        "2: engine must be one of hosts, not 'host'; did you mean 'hosts'?"
    ]
    with pytest.raises(ValueError, match="must be one of hosts"):
        read_engine("swarm")


@pytest.mark.usefixtures("_paper")
def test_an_engine_has_keys_of_its_own_and_those_of_every_environment(tmp_path: Path) -> None:
    text = "[environment:a]\nengine = paper\npaper = x.txt\nhealth = /up\nwait = 5m\n"
    found = read(tmp_path, text)["a"]
    assert found.options == {"paper": Path("x.txt")}
    assert (found.health, found.wait, found.hosts) == ("/up", 300.0, ())


@pytest.mark.usefixtures("_paper")
def test_keys_of_another_engine_are_mistakes(tmp_path: Path) -> None:
    text = "[environment:a]\nengine = paper\nbatch = 2\nhosts = web1\npapr = x\n"
    assert mistakes(tmp_path, text) == [
        "3: batch is for the engine hosts, not for paper",
        "4: hosts is for the engine hosts, not for paper",
        "5: [environment:a] has no option papr; did you mean 'paper'?",
    ]
    text = "[environment:a]\nhosts = web1\npaper = x.txt\n"
    assert mistakes(tmp_path, text) == ["3: [environment:a] has no option paper"]


@pytest.mark.usefixtures("_paper")
def test_the_environment_local_keeps_its_engine(tmp_path: Path) -> None:
    text = "[environment:local]\nengine = paper\n"
    assert mistakes(tmp_path, text) == ["2: local is this machine; its engine is hosts"]
