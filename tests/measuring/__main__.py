"""``python -m tests.measuring prepare TIER`` before the tests of a tier, ``report`` after all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.measuring.pythons import VARIABLE, folder, prepare
from tests.measuring.report import TIERS, analyze, by_room, counts, problem, table


def main(arguments: Sequence[str]) -> int:
    """Prepare this environment, or print the report and return 1 if too little was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.measuring", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("prepare").add_argument("tier", choices=TIERS)
    report = verbs.add_parser("report")
    report.add_argument("--lines", type=float, default=0, help="percent that must have run")
    report.add_argument("--branches", type=float, default=0, help="percent that must be taken")
    options = parser.parse_args(arguments)
    if options.verb == "prepare":
        prepare(options.tier)
        return 0
    top = folder()
    if top is None:
        print(f"Coverage was not measured. {VARIABLE}=FOLDER measures it.")
        return 0
    rows = by_room(counts(analyze(top)))
    print(table(rows))
    print(f"Lines that did not run: {top / 'lines.txt'}; for programs: {top / 'report.json'}")
    missing = [tier for tier in TIERS if not any((top / tier).glob("**/data.*"))]
    wrong = problem(rows[-1], missing, options.lines, options.branches)
    if wrong:
        print(f"error: {wrong}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
