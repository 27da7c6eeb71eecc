"""An engine for tests: a release is a line in a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django_deploykit.management.engine import Build, Change, Engine
from django_deploykit.management.session import Session
from django_deploykit.release.outcome import Outcome
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.deploy.plan import Plan, Step, walk

KEYS = {"paper": (Path, "the file that releases are written to")}
ON_PAPER = "Nothing runs on paper."


class Paper(Engine):
    missing = dict.fromkeys(
        ("rollback", "setup", "status", "history", "logs", "exec", "cancel", "stop", "teardown"),
        ON_PAPER,
    )

    @contextmanager
    def release(self, session: Session, build: Build) -> Iterator[Change]:
        path, paper = build(), session.environment.options["paper"]
        assert isinstance(paper, Path)
        with BundleFile(path) as bundle:
            manifest = bundle.manifest
        written = paper.read_text().splitlines() if paper.exists() else []
        steps = () if manifest.release_id in written else (Step("write", (), f"write to {paper}"),)

        def write(_: Step) -> None:
            with paper.open("a") as file:
                file.write(f"{manifest.release_id}\n")

        def carry_out() -> Outcome:
            walk(steps, {"write": write})
            return Outcome(manifest.release_id, live={"paper": manifest.release_id})

        plan = Plan("release", manifest.release_id, steps, {"paper": None})
        yield Change(plan, carry_out, manifest.commit, path.stat().st_size)


ENGINE = Paper()
