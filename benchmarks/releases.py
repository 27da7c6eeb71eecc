"""``python -m benchmarks releases``: what a release to real hosts costs, beside what people do today.

Boots lab hosts (root on Linux), measures, writes ``releases.md`` and ``releases.json``, prints the
table. As with the other measurements, a bound that is missed is shown in the table and fails nothing.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import release_jobs as jobs
from benchmarks.lab_shop import suite
from benchmarks.measure import Samples, read_parts
from benchmarks.page import with_table
from benchmarks.release_table import markdown
from django_deploykit.runtime.base.documents import Document
from tests.lab.images import why_not
from tests.projects import ROOT

DOCUMENT = ROOT / "docs" / "measurements-releases.md"
PARTS: dict[str, Callable[[jobs.Run], None]] = {
    "one": jobs.one_host,
    "heavy": jobs.heavy_project,
    "large": jobs.large_project,
    "many": jobs.many_hosts,
}


def main(arguments: list[str]) -> int:
    """Run the parts that were asked for; those of an earlier run stay in the table beside them."""
    options = parse(arguments)
    reason = why_not() or next(
        (f"{name} is not installed" for name in ("wrk", "rsync", "scp") if not shutil.which(name)),
        "",
    )
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # in the background a shell has the first ignored
        signal.signal(number, signal.default_int_handler)
    options.output.mkdir(parents=True, exist_ok=True)
    raw = options.output / "releases.json"
    if not options.part:
        raw.unlink(missing_ok=True)
    for name in options.part or PARTS:
        say(f"== {name}")
        part = measured(name, options)
        # Read now: parts may be measured one beside the other.
        found = {**read_parts(raw), name: part}
        found = {part: found[part] for part in PARTS if part in found}
        raw.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    text = page(found)
    (options.output / "releases.md").write_text(text, encoding="utf-8")
    if options.document:
        old = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(old, text, DOCUMENT), encoding="utf-8")
    print(text)
    return 0


def measured(name: str, options: argparse.Namespace) -> Document:
    """Run a part; returns its samples, and what is to be said of how they were taken."""
    begun, load = time.monotonic(), os.getloadavg()[0]
    rounds = 1 if options.quick else options.rounds
    with working_folder(options.place) as root:
        run = jobs.Run(
            root,
            Samples(),
            say,
            quick=options.quick,
            rounds=rounds,
            hosts=options.hosts,
            switches=options.switches,
        )
        try:
            PARTS[name](run)
        except KeyboardInterrupt:
            say("stopped; what was measured so far is kept")
            run.stopped = True
    loads = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    minutes = (time.monotonic() - begun) / 60
    smoke = ", a smoke run on a small project" if run.quick else ""
    return {
        "samples": run.samples.values,
        "said": f"{name}: {run.rounds} rounds{' at most, stopped' if run.stopped else ''} in {minutes:.0f} minutes, {loads}{smoke}",
    }


def page(found: Document) -> str:
    """Return the tables of all parts, below a line that says how they were taken."""
    where = (
        f"{os.cpu_count()} cores that controller, hosts and load share; hosts: Debian {suite()}; "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    )
    said = "; ".join(part["said"] for part in found.values())
    return f"{where} {said}.\n\n{markdown(Samples.of_parts(found.values()))}"


@contextmanager
def working_folder(named: Path | None) -> Iterator[Path]:
    """Yield a folder that is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="deploykit-bench-releases-", dir=named))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks releases", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--hosts", type=int, default=20, help="of the part `many`; default: 20")
    parser.add_argument(
        "--switches", type=int, default=20, help="releases and rollbacks under load; default: 20"
    )
    parser.add_argument(
        "--part",
        action="append",
        choices=PARTS,
        help="only this part, others stay as they were; may be given again",
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: does it run?")
    parser.add_argument(
        "--document", action="store_true", help=f"write the table into {DOCUMENT.relative_to(ROOT)}"
    )
    parser.add_argument("--place", type=Path, help="where to work; default: the temporary folder")
    parser.add_argument("--output", type=Path, default=ROOT / ".deploykit" / "benchmarks")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Tell what goes on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
