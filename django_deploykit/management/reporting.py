"""``manage.py release --report FILE``: what happened, gathered and written, however it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.release.engine import Engine
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.report.page import Finding, HostEnd, Report, page
from django_deploykit.release.report.timeline import Latency, Span
from django_deploykit.runtime.base.errors import INTERRUPTED


@dataclass
class Record:
    """What is known of a release while it goes on."""

    project: str
    environment: str
    owner: str
    action: str = "release"
    release: str = ""
    commit: str = ""
    url: str = ""
    size: int = 0
    outcome: Outcome | None = None
    engine: Engine | None = None
    commits: Sequence[str] = ()
    latencies: list[Latency] = field(default_factory=list)
    begun: float = field(default_factory=time.time)


@contextmanager
def reported(path: Path | None, record: Record, console: Console) -> Iterator[None]:
    """Write the report when the block ends, well or not; refuse before where it cannot be written."""
    if path is None:
        yield
        return
    _judge(path)
    failure, code = "", 1
    try:
        yield
        code = record.outcome.code if record.outcome else 0
    except DeployKitError as error:
        failure, code = str(error), error.exit_code
        raise
    except KeyboardInterrupt:
        failure, code = "interrupted", INTERRUPTED
        raise
    except Exception as error:
        failure = f"unexpected: {type(error).__name__}: {error}"
        raise
    finally:
        report = make_report(record, console.spans, code, failure, time.time())
        try:
            path.write_text(page(report), encoding="utf-8")
        except OSError as error:
            console.note(f"the report cannot be written to {path}: {error.strerror}")


def _judge(path: Path) -> None:
    folder = path.parent
    if (
        path.is_dir()
        or not folder.is_dir()
        or not os.access(path if path.exists() else folder, os.W_OK)
    ):
        raise DeployKitError(
            f"--report: {path} cannot be written; nothing was changed",
            "Name a file in a folder that exists.",
        )


def make_report(
    record: Record, building: Sequence[Span], code: int, failure: str, ended: float
) -> Report:
    """Return the report's data; ``building`` are the steps that ran here."""
    outcome = record.outcome or (record.engine.outcome if record.engine else Outcome(""))
    spans = record.engine.timeline.spans if record.engine else []
    hosts = tuple(
        HostEnd(
            host,
            live or ("unknown" if outcome.before.get(host) else "nothing"),
            outcome.before.get(host) or "nothing",
            outcome.bytes.get(host, 0),
            outcome.errors.get(host, ""),
        )
        for host, live in outcome.live.items()
    )
    findings = tuple(
        Finding(
            str(one.get("host", "")),
            str(one.get("id", "")),
            str(one.get("level", "")),
            str(one.get("message", "")),
        )
        for one in outcome.findings
    )
    return Report(
        project=record.project,
        environment=record.environment,
        action=record.action,
        release=record.release or outcome.release,
        commit=record.commit,
        owner=record.owner,
        begun=record.begun,
        ended=ended,
        code=code,
        url=record.url,
        size=record.size,
        failure=failure,
        hosts=hosts,
        spans=tuple(sorted((*building, *spans), key=lambda one: one.begun)),
        latencies=tuple(record.latencies),
        findings=findings,
        migrations=tuple(outcome.pending),
        migrated=tuple(outcome.migrated),
        commits=tuple(record.commits),
    )
