"""Bundles, sites and commands of an older version go together with this version's, both ways.

``tests/kept`` has the wheel of the oldest version that is still supported.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import django
import pytest

from tests.bundles import release_id
from tests.integration.sites import Shop
from tests.projects import ROOT, make_shop, manage, run, uv

KEPT = sorted((ROOT / "tests" / "kept").glob("django_deploykit-*.whl"))


@dataclass
class Older:
    """An older version: the Python that it is installed for, and a bundle that it built."""

    python: str
    bundle: Path


def install(wheel: Path, folder: Path) -> str:
    """Install a wheel of ours with its dependencies; returns the Python."""
    run(uv(), "venv", "-q", "-p", sys.executable, folder)
    python = folder / "bin" / "python"
    needs = [f"{wheel}[deploy]", f"django=={django.__version__}"]
    run(uv(), "pip", "install", "-q", "--python", python, *needs)
    return str(python)


@pytest.fixture(params=KEPT, ids=lambda wheel: wheel.name.split("-")[1])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Older:
    wheel: Path = request.param
    made = Older(install(wheel, tmp_path / "venv"), tmp_path / "older.pyz")
    project = make_shop(tmp_path / "older", ours=wheel)
    done = manage(project, "bundle", "--output", str(made.bundle), python=made.python)
    assert done.returncode == 0, done.stderr
    return made


def put_live(shop: Shop, bundle: Path, python: str) -> None:
    """Release a bundle with the version that a Python has, while visitors ask for pages."""
    shop.python = python
    with shop.load() as visitors:
        done = shop.run("--bundle", str(bundle), "--noinput")
    assert done.code == 0, done.err
    assert shop.live == release_id(bundle)
    assert visitors.failed == []


def go_back(shop: Shop, bundle: Path, python: str) -> None:
    """Roll back to a bundle's release with the version that a Python has."""
    shop.python = python
    with shop.load() as visitors:
        done = shop.run("rollback", "--noinput")
    assert done.code == 0, done.err
    assert shop.live == release_id(bundle)
    assert visitors.failed == []
    assert shop.run("status").code == 0


def test_there_is_an_older_version_to_try() -> None:
    assert KEPT


def test_an_older_version_and_this_one_follow_each_other(older: Older, shop: Shop) -> None:
    newer = shop.workshop.bundle("second")
    shop.python = older.python
    first = shop.run("--bundle", str(older.bundle), "--noinput")
    assert first.code == 0, first.err
    put_live(shop, newer, sys.executable)
    go_back(shop, older.bundle, sys.executable)
    put_live(shop, newer, older.python)
    go_back(shop, older.bundle, older.python)
    # Each version reads what the other wrote down.
    for python in (older.python, sys.executable):
        shop.python = python
        records = shop.run("history", "--json").data["hosts"]["local"]
        assert [one["action"] for one in records if one["result"] == "live"] == [
            "release",
            "release",
            "rollback",
            "release",
            "rollback",
        ]
