"""A report for tests of the runner and of the formats."""

from __future__ import annotations

from dataclasses import replace

from django_deploykit.checks.attempts import NEEDS_SERVER
from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import Finding, NotChecked, Skipped
from django_deploykit.checks.runner import CheckReport

ERROR = Finding(
    "DEBUG is on",
    "Turn it off.",
    path="shop/settings.py",
    line=14,
    id="deploykit.E101",
    level="ERROR",
)
WARNING = Finding("any, host: 100%\nreally", id="deploykit.W201", level="WARNING")
ODD = Finding(
    "a <b> \x1b[1m", path="a b.py", line=1, id="deploykit.W201", level="WARNING"
)  # what XML and URLs cannot hold
CHECKS = tuple(one for one in catalogue().values() if one.number in ("E101", "W201", "W310"))
REPORT = CheckReport((ERROR, WARNING), (), CHECKS, "ERROR")
SKIPPED = CheckReport(
    (ERROR, ERROR, ODD), (Skipped("deploykit.W310", "long & wide"),), CHECKS, "WARNING"
)
EMPTY = CheckReport((), (), CHECKS)
UNKNOWN = CheckReport(
    (replace(ERROR, id="deploykit.E800"),),
    checks=CHECKS[:1],
    not_checked=(
        NotChecked("deploykit.E102", "SECRET_KEY has no value here"),
        NotChecked("deploykit.E403", NEEDS_SERVER),
    ),
)
