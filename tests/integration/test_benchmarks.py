"""``python -m benchmarks --quick``: one round on a tiny site, to see that it still runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import ROOT


def test_growth_is_measured_and_tabled(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "growth", "--quick", "--rounds", "1"),
            *("--rows", "bundle", "--rows", "release"),
            *("--place", tmp_path, "--output", tmp_path / "out"),
        ],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "growth.json").read_text(encoding="utf-8"))
    for row in ("bundle", "release"):
        assert found["static"]["samples"][f"static: {row}, 20"]["ours"]["1"][0] > 0
    assert "| static files: 10 → 20 | `bundle`, one line of a view |" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(
    importlib.util.find_spec("shiv") is None, reason="shiv is not installed; tox -e bench has it"
)
def test_one_round_measures_every_job_of_ours(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", str(tmp_path)],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "samples.json").read_text(encoding="utf-8"))
    for row in ("first", "again", "size", "check, empty cache", "check, warm cache"):
        assert found[row]["ours"]["1"][0] > 0
        assert found[row]["shiv"]["1"][0] > 0
    assert found["gunicorn, installed"]["ours"]["1"][0] > 0
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| `check`, warm cache |" in table
