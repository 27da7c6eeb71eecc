"""The command that measures growth: which curves and sizes, and what its page says of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.growth_jobs import JOBS, curves


def test_every_curve_grows_and_has_known_jobs() -> None:
    for curve in curves().values():
        assert len(curve.sizes) > 1
        assert set(curve.jobs) <= set(JOBS)
    assert list(curves(100_000)["static"].sizes) == ["200", "20,000", "100,000"]


def test_a_size_that_a_curve_does_not_have_is_refused(tmp_path: Path) -> None:
    argv = ["--curve", "processes", "--size", "7", "--output", str(tmp_path)]
    with pytest.raises(SystemExit, match="the sizes of processes are 1 and 20"):
        growth.main(argv)


def test_the_tables_are_made_again_from_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = {f"processes: bundle, {size}": {"ours": {"1": [2.0]}} for size in ("1", "20")}
    kept = {"processes": {"samples": samples, "said": "processes: 1 rounds"}}
    (tmp_path / "growth.json").write_text(json.dumps(kept), encoding="utf-8")
    assert growth.main(["--again", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "| processes: 1 → 20 | `bundle`, one line of a view | 2.0 s | 2.0 s | 1.00" in said
    assert "Not measured: static files, distributions" in said
    assert (tmp_path / "growth.md").read_text(encoding="utf-8") + "\n" == said
