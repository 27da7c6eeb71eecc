"""``python -m benchmarks``: measure, write ``table.md`` and ``samples.json``, print the table.

It never fails on a figure: a bound that is missed is shown in the table. Bounds and rows are in
``benchmarks/table.py``, what is done in each round in ``benchmarks/rounds.py``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.page import with_table
from benchmarks.rounds import one_round, prepare
from benchmarks.site import FULL, TINY
from benchmarks.table import markdown
from tests.projects import ROOT

DOCUMENT = ROOT / "docs" / "measurements.md"
_OTHERS = ("releases", "configuration", "growth", "images", "debian", "site", "own_python")


def main() -> int:
    """Run the rounds."""
    options = parse(sys.argv[1:])
    begun = time.monotonic()
    where = folder_for(options.place)
    rounds = 1 if options.quick else options.rounds
    run = None
    root = Path(tempfile.mkdtemp(prefix="deploykit-bench-", dir=where))
    try:
        run = prepare(root, TINY if options.quick else FULL, say)
        for number in range(1, rounds + 1):
            before = time.monotonic()
            one_round(run, number)
            now = time.monotonic()
            if number < rounds and now - begun + (now - before) > options.minutes * 60:
                say(f"stopping after {number} of {rounds} rounds, as --minutes says")
                rounds = number
                break
    finally:
        shutil.rmtree(root, ignore_errors=True)
    text = f"{heading(where, rounds, time.monotonic() - begun)}\n\n{markdown(run.samples)}"
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.md").write_text(text, encoding="utf-8")
    raw = json.dumps(run.samples.values, indent=1, sort_keys=True)
    (options.output / "samples.json").write_text(raw + "\n", encoding="utf-8")
    if options.document:
        old = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(old, text, DOCUMENT), encoding="utf-8")
    print(text)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument(
        "--minutes", type=float, default=25, help="start no round that would end later"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round on a tiny site: does it run?"
    )
    parser.add_argument(
        "--document", action="store_true", help=f"write the table into {DOCUMENT.relative_to(ROOT)}"
    )
    parser.add_argument("--place", type=Path, help="where to work; default: /dev/shm, being tmpfs")
    parser.add_argument("--output", type=Path, default=ROOT / ".deploykit" / "benchmarks")
    return parser.parse_args(arguments)


def folder_for(named: Path | None) -> Path:
    """Return where to work: on tmpfs, where a file system's habits are not measured along."""
    if named:
        return named
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        return memory
    say("there is no /dev/shm: the file system of the temporary folder is measured along")
    return Path(tempfile.gettempdir())


def heading(where: Path, rounds: int, seconds: float) -> str:
    """Return the line that says what was measured on."""
    from importlib.metadata import distributions

    known = {one.name: one.version for one in distributions()}
    tools = ", ".join(f"{name} {known[name]}" for name in ("shiv", "pex", "uv") if name in known)
    memory = "tmpfs" if str(where) == "/dev/shm" else str(where)
    load = os.getloadavg()[0]
    return (
        f"{rounds} rounds in {seconds:.0f} s on {memory}, {os.cpu_count()} cores, load {load:.1f} at the end; "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; {tools}."
    )


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in _OTHERS:
        sys.exit(importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:]))
    sys.exit(main())
