"""``python -m benchmarks growth``: what each job costs in small and in large projects, side by side.

Writes ``growth.md`` and ``growth.json``, and prints the tables. A curve that was measured before stays
beside the ones that are measured now. A bound that is missed is shown in the table and fails nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import growth_jobs as jobs
from benchmarks.growth_pictures import pictures
from benchmarks.growth_table import markdown
from benchmarks.measure import Samples, read_parts
from benchmarks.page import with_table
from django_deploykit.runtime.base.documents import Document
from tests.projects import ROOT

DOCUMENT = ROOT / "docs" / "measurements-growth.md"
PICTURES = ROOT / "docs" / "_static"


def main(arguments: list[str]) -> int:
    """Measure the curves that were asked for; write the tables and, with ``--document``, the page."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options.output.mkdir(parents=True, exist_ok=True)
    raw = options.output / "growth.json"
    found = read_parts(raw)
    curves = jobs.quick() if options.quick else jobs.curves(options.large)
    for name in options.curve or ([] if options.again else curves):
        measured = _measured(_chosen(curves[name], options.size), options)
        found = {**read_parts(raw), name: measured}
        raw.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    samples = Samples.of_parts(found.values())
    titles = {name: curve.title for name, curve in curves.items()}
    text = page(found, samples, titles)
    (options.output / "growth.md").write_text(text, encoding="utf-8")
    if options.document:
        old = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(old, text, DOCUMENT), encoding="utf-8")
        for name, svg in pictures(samples, titles).items():
            (PICTURES / f"growth-{name}.svg").write_text(svg, encoding="utf-8")
    print(text)
    return 0


def _measured(curve: jobs.Curve, options: argparse.Namespace) -> Document:
    """Measure one curve; returns its samples, and what is to be said of how they were taken."""
    begun, load = time.monotonic(), os.getloadavg()[0]
    root = Path(tempfile.mkdtemp(prefix="deploykit-growth-", dir=options.place))
    run = jobs.Run(root, Samples(), say, options.rounds, tuple(options.rows or ()))
    stopped = ""
    try:
        jobs.measure(run, curve)
    except KeyboardInterrupt:
        stopped = ", stopped"
    finally:
        shutil.rmtree(root, ignore_errors=True)
    minutes = (time.monotonic() - begun) / 60
    return {
        "samples": run.samples.values,
        "said": (
            f"{curve.name}: {options.rounds} rounds{stopped} in {minutes:.0f} minutes, "
            f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
        ),
    }


def _chosen(curve: jobs.Curve, labels: list[str] | None) -> jobs.Curve:
    """Return a curve with the sizes of these labels, or with all if there are none."""
    sizes = {label: size for label, size in curve.sizes.items() if not labels or label in labels}
    if not sizes:
        raise SystemExit(f"error: the sizes of {curve.name} are {' and '.join(curve.sizes)}")
    return replace(curve, sizes=sizes)


def page(found: Document, samples: Samples, titles: dict[str, str]) -> str:
    """Return the tables, below a line that says how the figures were taken."""
    where = f"{os.cpu_count()} cores; Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    said = "; ".join(found[name]["said"] for name in titles if name in found)
    missed = ", ".join(title for name, title in titles.items() if name not in found)
    left = f" Not measured: {missed}." if missed else ""
    return f"{where} {said}.{left}\n\n{markdown(samples, titles)}"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    names = list(jobs.curves())
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument(
        "--curve",
        action="append",
        choices=names,
        help="only this curve, others stay as they were; may be given again",
    )
    parser.add_argument(
        "--rows", action="append", choices=[*jobs.JOBS], help="only these jobs; may be given again"
    )
    parser.add_argument(
        "--size", action="append", help="only this size, such as 20,000; may be given again"
    )
    parser.add_argument(
        "--large", type=int, default=20_000, help="static files of the large site; default: 20000"
    )
    parser.add_argument("--quick", action="store_true", help="two tiny sites: does it run?")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing: write the tables from what is kept"
    )
    parser.add_argument(
        "--document",
        action="store_true",
        help=f"write the tables into {DOCUMENT.relative_to(ROOT)}, and the pictures",
    )
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    parser.add_argument("--place", type=Path, default=place, help="default: /dev/shm, being tmpfs")
    parser.add_argument("--output", type=Path, default=ROOT / ".deploykit" / "benchmarks")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Tell what goes on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
