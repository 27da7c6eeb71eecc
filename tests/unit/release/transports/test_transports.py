"""The table of transports."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.project.inventory import parse_host
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports import TRANSPORTS, transport_to
from django_deploykit.release.transports.local import Local
from django_deploykit.release.transports.ssh import Ssh


def test_this_machine_and_servers(tmp_path: Path) -> None:
    assert isinstance(transport_to(tmp_path), Local)
    made = transport_to(Path("/srv/shop"), parse_host("deploy@web1"), as_root=True)
    assert isinstance(made, Ssh)
    assert (made.name, made.root) == ("deploy@web1", Path("/srv/shop"))


def test_a_row_decides_how_hosts_are_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Local(tmp_path, runtime_archive(), "other")
    monkeypatch.setitem(TRANSPORTS, "local", lambda *_, **__: other)
    assert transport_to(tmp_path) is other
