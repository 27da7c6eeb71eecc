"""``python -m benchmarks releases``: what a release to real hosts costs, beside what people do today.

Boots lab hosts (root on Linux), measures, writes ``releases.md`` and ``releases.json``, prints the
table. As with the other measurements, a bound that is missed stands in the table and fails nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import release_jobs as jobs
from benchmarks.lab_shop import suite
from benchmarks.measure import Samples
from benchmarks.release_table import markdown
from tests.lab.images import why_not
from tests.projects import ROOT

DOCUMENT = ROOT / "docs" / "measurements-releases.md"
PARTS: dict[str, Callable[[jobs.Run], None]] = {
    "one": jobs.one_host,
    "large": jobs.large_project,
    "many": jobs.many_hosts,
}


@dataclass
class Notes:
    """What the run was made on, for the line above the table."""

    begun: float = field(default_factory=time.monotonic)
    load: list[float] = field(default_factory=lambda: [os.getloadavg()[0]])

    def heading(self, run: jobs.Run) -> str:
        """Return the line."""
        self.load.append(os.getloadavg()[0])
        minutes = (time.monotonic() - self.begun) / 60
        how = "smoke run: few rounds, small project; " if run.quick else ""
        return (
            f"{how}{run.rounds} rounds, {minutes:.0f} minutes, {os.cpu_count()} cores that hosts, load and "
            f"controller share; load {self.load[0]:.1f} before, {self.load[-1]:.1f} after; hosts: Debian "
            f"{suite()}; Python {platform.python_version()}, {platform.system()} {platform.machine()}."
        )


def main(arguments: list[str]) -> int:
    """Run the parts that were asked for."""
    options = parse(arguments)
    reason = why_not() or next(
        (f"{name} is not installed" for name in ("wrk", "rsync", "scp") if not shutil.which(name)),
        "",
    )
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    notes = Notes()
    rounds = 1 if options.quick else options.rounds
    with working_folder(options.place) as root:
        run = jobs.Run(
            root, Samples(), say, quick=options.quick, rounds=rounds, hosts=options.hosts
        )
        for name in options.part or PARTS:
            say(f"== {name}")
            PARTS[name](run)
    text = f"{notes.heading(run)}\n\n{markdown(run.samples)}"
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "releases.md").write_text(text, encoding="utf-8")
    raw = json.dumps(
        {"samples": run.samples.values, "notes": asdict(notes)}, indent=1, sort_keys=True
    )
    (options.output / "releases.json").write_text(raw + "\n", encoding="utf-8")
    if options.document:
        old = DOCUMENT.read_text(encoding="utf-8")
        from benchmarks.__main__ import with_table

        DOCUMENT.write_text(with_table(old, text), encoding="utf-8")
    print(text)
    return 0


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
        "--part", action="append", choices=PARTS, help="only this part; may be given again"
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
