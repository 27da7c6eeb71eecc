"""The table of supervisors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import SUPERVISORS as NAMES
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors import SUPERVISORS, supervisor_of
from django_deploykit.runtime.supervisors.base import Supervisor
from django_deploykit.runtime.supervisors.local import LocalSupervisor
from django_deploykit.runtime.supervisors.systemd import SystemdSupervisor
from tests.unit.runtime.fake_supervisor import FakeSupervisor


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("shop", tmp_path / "srv", tmp_path / "etc", tmp_path / "var")


@pytest.mark.parametrize(
    ("name", "kind"), [("plain", LocalSupervisor), ("systemd", SystemdSupervisor)]
)
def test_a_site_names_its_supervisor(site: Site, name: str, kind: type) -> None:
    assert isinstance(supervisor_of(replace(site, supervisor=name), ["program"]), kind)


def test_one_entry_adds_a_supervisor(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def fake(site: Site, program: Sequence[str]) -> Supervisor:
        made.append((site.app, list(program)))
        return FakeSupervisor()

    monkeypatch.setitem(SUPERVISORS, "fake", fake)
    assert isinstance(supervisor_of(replace(site, supervisor="fake"), ["verbs"]), FakeSupervisor)
    assert made == [("shop", ["verbs"])]


def test_the_table_has_the_names_that_a_site_may_have() -> None:
    assert sorted(SUPERVISORS) == sorted(NAMES)
