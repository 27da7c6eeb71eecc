"""``python -m benchmarks debian``: our Debian package beside dh-virtualenv's, on a real host.

Boots a lab host (root on Linux; dh-virtualenv, debhelper and rsync), measures, and prints the table. As
with the other measurements, a bound that is missed is shown in the table and fails nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import debian_jobs as jobs
from benchmarks.lab_shop import make_place, suite
from benchmarks.measure import Samples, read_parts
from benchmarks.page import with_table
from benchmarks.release_table import number
from benchmarks.releases import say, working_folder
from django_deploykit.runtime.base.documents import Document
from tests.lab.hosts import Host
from tests.lab.images import why_not
from tests.projects import ROOT

DOCUMENT = ROOT / "docs" / "measurements.md"
SIZES = {"36 distributions": 200, "20,000 static files": 20_000}
_HALF, _PEER = 0.5, "dh-virtualenv"


@dataclass(frozen=True)
class Row:
    """A row of the table. ``most`` is the bound: a share of the peer's figure, or a figure of ours."""

    what: str
    row: str
    unit: str
    most: float = 0
    of_peer: bool = True


ROWS = (
    Row("first build", "first build", "s"),
    Row("the same, processor time", "first build, processor", "s"),
    Row("build after a one-line change", "build", "s", _HALF),
    Row("the same, processor time", "build, processor", "s", _HALF),
    Row("size", "size", "MB"),
    Row("first `dpkg -i` until the site answers", "first installation", "s"),
    Row("`dpkg -i` of a one-line change until the site shows it", "upgrade", "s", _HALF),
    Row("one-line change, sent by a mirror of files", "bytes of a mirror", "MB"),
    Row("the same, by rsync", "bytes of rsync", "MB"),
    Row("memory of the largest process, build", "memory of a build", "MB", 150, of_peer=False),
    Row("the same, `dpkg -i` on the host", "memory on the host", "MB", 100, of_peer=False),
)


def main(arguments: list[str]) -> int:
    """Measure the sizes that were asked for; those of an earlier run stay in the table beside them."""
    options = parse(arguments)
    tools = ("dh_virtualenv", "dpkg-buildpackage", "rsync")
    missing = [f"{name} is not installed" for name in tools if shutil.which(name) is None]
    if reason := why_not() or ", ".join(missing):
        print(f"error: {reason}", file=sys.stderr)
        return 1
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    options.output.mkdir(parents=True, exist_ok=True)
    raw = options.output / "debian.json"
    for name in options.size or SIZES:
        found = {**read_parts(raw), name: measured(name, options)}
        raw.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    text = page(read_parts(raw))
    if options.document:
        old = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(old, text, DOCUMENT, "debian"), encoding="utf-8")
    print(text)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks debian", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument(
        "--size", action="append", choices=SIZES, help="only this size; may be given again"
    )
    parser.add_argument("--document", action="store_true", help="write the table into the page")
    parser.add_argument("--place", type=Path, help="where to work; default: the temporary folder")
    parser.add_argument("--output", type=Path, default=ROOT / ".deploykit" / "benchmarks")
    return parser.parse_args(arguments)


def measured(name: str, options: argparse.Namespace) -> Document:
    """Measure one size; returns its samples, and what is to be said of how they were taken."""
    begun, load = time.monotonic(), os.getloadavg()[0]
    samples = Samples()
    large = name == "36 distributions"
    with working_folder(options.place) as root, Host(suite()) as host:
        place = make_place(root, large=large, static=SIZES[name])
        jobs.measure(jobs.Run(place, host, samples, say, name), options.rounds, with_peer=large)
    minutes = (time.monotonic() - begun) / 60
    said = (
        f"{name}: {options.rounds} rounds on Debian {suite()} in {minutes:.0f} minutes, "
        f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    return {"samples": samples.values, "said": said}


def page(found: Document) -> str:
    """Return the table, below a line that says how the figures were taken."""
    samples = Samples.of_parts(found.values())
    where = f"{os.cpu_count()} cores; Python {platform.python_version()}"
    said = "; ".join(str(part["said"]) for part in found.values())
    lines = [
        "| what | ours | dh-virtualenv | ratio (spread) | bound | met |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_line(samples, size, row) for size in SIZES for row in ROWS if size in found]
    return f"{where}. {said}.\n\n" + "\n".join(line for line in lines if line) + "\n"


def _line(samples: Samples, size: str, row: Row) -> str:
    name = f"{size}: {row.row}"
    ours, peer = samples.median(name, "ours"), samples.median(name, _PEER)
    if ours is None:
        return ""
    ratios = samples.ratios((name, "ours"), (name, _PEER))
    ratio = statistics.median(ratios) if ratios else None
    spread = f"{ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratio is not None else ""
    theirs = f"{number(peer)} {row.unit}" if peer is not None else ""
    value = ratio if row.of_peer else ours
    bound = met = ""
    if row.most and value is not None:
        bound = f"at most {row.most:g} {'of dh-virtualenv' if row.of_peer else row.unit}"
        met = "yes" if value <= row.most else "**no**"
    return f"| {size}: {row.what} | {number(ours)} {row.unit} | {theirs} | {spread} | {bound} | {met} |"
