"""The sections ``[process:NAME]``."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf.ini import read_ini
from django_deploykit.errors import Problems
from django_deploykit.project.inventory import Environment, read_inventory

HOSTS = "[environment:production]\nhosts = a.example\n"


def inventory(folder: Path, text: str) -> dict[str, Environment]:
    path = folder / "deploykit.ini"
    path.write_text(text)
    return read_inventory(read_ini(path))


def test_limits_are_those_of_every_environment(tmp_path: Path) -> None:
    text = "[process:web]\nmemory_max = 1G\ncpu_quota = 150%\n[process:worker]\ntasks_max = 64\n"
    found = inventory(tmp_path, text + HOSTS)
    limits = ("web.memory_max=1G", "web.cpu_quota=150%", "worker.tasks_max=64")
    assert found["production"].limits == found["local"].limits == limits


def test_an_environment_can_replace_a_limit(tmp_path: Path) -> None:
    text = f"[process:web]\nmemory_max = 1G\n{HOSTS}limits = web.memory_max=2G\n"
    found = inventory(tmp_path, text)
    assert found["production"].limits == ("web.memory_max=1G", "web.memory_max=2G")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[process:web]\nmemory_max = lots\n", "deploykit.ini:2: memory_max must be a size"),
        ("[process:web]\nmemory = 1G\n", "has no option memory; did you mean 'memory_max'?"),
        ("[process:a b]\ntasks_max = 1\n", "needs the name of a process, not 'a b'"),
    ],
)
def test_mistakes_are_reported_with_their_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(Problems) as caught:
        inventory(tmp_path, text)
    assert any(expected in problem for problem in caught.value.problems)
