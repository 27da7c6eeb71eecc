"""``manage.py release --report FILE``: writes the report, however the release ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.report.html import ReleaseReport, page
from django_deploykit.runtime.base.errors import INTERRUPTED


@dataclass
class Record(ReleaseReport):
    """A report during a release. ``fleet`` has the outcome until the release has ended."""

    fleet: Fleet | None = None


@contextmanager
def reported(path: Path | None, record: Record, console: Console) -> Iterator[None]:
    """Write the report when the block ends, even if it failed.

    Raises :class:`DeployKitError` before the block if the report cannot be written.
    """
    if path is None:
        yield
        return
    validate_path(path)
    record.code = 1
    try:
        yield
        record.code = record.outcome.code
    except DeployKitError as error:
        record.failure, record.code = str(error), error.exit_code
        raise
    except KeyboardInterrupt:
        record.failure, record.code = "interrupted", INTERRUPTED
        raise
    except Exception as error:
        record.failure = f"unexpected: {type(error).__name__}: {error}"
        raise
    finally:
        complete(record, console)
        try:
            path.write_text(page(record), encoding="utf-8")
        except OSError as error:
            console.note(f"the report cannot be written to {path}: {error.strerror}")


def validate_path(path: Path) -> None:
    """Raise :class:`DeployKitError` unless a report can be written there."""
    place = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(place, os.W_OK):
        raise DeployKitError(
            f"--report: {path} cannot be written; nothing was changed",
            "Name a file in a folder that exists.",
        )


def complete(record: Record, console: Console) -> None:
    """Add what the fleet and the console recorded, even if the release was cut short."""
    spans = list(console.spans)
    if record.fleet is not None:
        spans += record.fleet.timeline.spans
        if not record.outcome.release:
            record.outcome = record.fleet.outcome
    record.spans = sorted(spans, key=lambda one: one.begun)
    record.ended = time.time()
