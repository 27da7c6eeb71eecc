"""For every check that needs no server: what makes it speak, and what keeps it silent."""

from __future__ import annotations

from tests.unit.checks.cases import (
    accounts,
    core,
    database,
    files,
    hosts,
    reporting,
    repository,
    services,
)
from tests.unit.checks.cases.made import Case, Cases

__all__ = ["CASES", "Case"]

CASES: Cases = {
    **accounts.CASES,
    **core.CASES,
    **database.CASES,
    **files.CASES,
    **hosts.CASES,
    **reporting.CASES,
    **repository.CASES,
    **services.CASES,
}
