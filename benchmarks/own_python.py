"""``python -m benchmarks own_python``: what it costs that a bundle brings its own Python.

One shop is built twice, with an interpreter and without. Each round starts both files, in turn, with
an empty cache and with what that left. Other programs may run on the machine, so the time of the
processor stands beside each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Samples, timed
from benchmarks.page import with_table
from tests.projects import commit, make_shop, manage
from tests.relocatable import make_interpreter

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "measurements-own-python.md"
MOST = 10.0  # MB that an interpreter may add
_KEY = "a7Qm2xV9kL4tZ8wB1nR6yD3hF5jP0sGcE-bench-only-0c5e1b7d"
_KINDS = ("first start", "later start")


def build(folder: Path) -> dict[str, Path]:
    """Build the shop without an interpreter and with one; return the files."""
    project = make_shop(folder)
    found = {}
    for subject, section in (("with", ""), ("own", f"[bundle]\ninterpreter = {folder}/python\n")):
        if section:
            make_interpreter(folder / "python")
            with (project / "deploykit.ini").open("a", encoding="utf-8") as file:
                file.write(f"\n{section}")
            commit(project, "Bring a Python along")
        done = manage(project, "bundle", "--json", "--output", f"{folder}/{subject}.pyz")
        if done.returncode:
            raise SystemExit(f"error: bundle ended with {done.returncode}:\n{done.stderr}")
        found[subject] = Path(json.loads(done.stdout)["path"])
    return found


def one_round(samples: Samples, files: dict[str, Path], folder: Path, number: int) -> None:
    """Start both files with an empty cache, and again."""
    for subject, path in files.items():
        cache = folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        env = {
            "PATH": f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin",
            "DEPLOYKIT_CACHE": str(cache),
            "SECRET_KEY": _KEY,
        }
        for kind in _KINDS:
            taken = timed([path, "check"], folder, env)
            samples.add(kind, subject, number, taken.seconds)
            samples.add(f"{kind}, processor", subject, number, taken.processor)


def table(samples: Samples, files: dict[str, Path], rounds: int) -> str:
    """Return the table."""
    sizes = {name: path.stat().st_size / 1e6 for name, path in files.items()}
    added = sizes["own"] - sizes["with"]
    bound = f"{added:.1f} MB; at most {MOST:g}: {'yes' if added <= MOST else '**no**'}"
    lines = [
        f"Medians of {rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| | the host's Python | its own Python | difference |",
        "| --- | --- | --- | --- |",
        f"| size of the file | {sizes['with']:.1f} MB | {sizes['own']:.1f} MB | {bound} |",
    ]
    for kind in _KINDS:
        cells = []
        for name in ("with", "own"):
            seconds, processor = (
                samples.median(row, name) or 0 for row in (kind, f"{kind}, processor")
            )
            cells.append((seconds, processor))
        (plain, plain_cpu), (own, own_cpu) = cells
        lines.append(
            f"| `check`, {kind} (processor) | {plain:.2f} s ({plain_cpu:.2f}) | {own:.2f} s "
            f"({own_cpu:.2f}) | {own - plain:+.2f} s ({own_cpu - plain_cpu:+.2f}) |"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks own_python", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--document", action="store_true", help=f"write it into {DOCUMENT.name}")
    options = parser.parse_args(arguments)
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="deploykit-bench-") as name:
        folder = Path(name)
        files = build(folder)
        for number in range(1, options.rounds + 1):
            one_round(samples, files, folder, number)
        text = table(samples, files, options.rounds)
    print(text)
    if options.document:
        page = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(page, text, DOCUMENT), encoding="utf-8")
    return 0
