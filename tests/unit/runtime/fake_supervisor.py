"""A supervisor in memory, whose processes come up, fall, or cannot be stopped as a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django_deploykit.runtime.base.processes import CommandLine
from django_deploykit.runtime.supervisors.base import ProcessError, Running, RunningCommand
from django_deploykit.runtime.wire.logs import LogLine, LogPage, LogRequest


class FakeSupervisor:
    """A :class:`~django_deploykit.runtime.supervisors.base.Supervisor`; ``fails`` counts down to a failure.

    With ``after`` the failing call takes effect first.
    """

    def __init__(self, running: Sequence[tuple[str, str]] = ()) -> None:
        self.running = list(running)
        self.works: list[RunningCommand] = []
        self.restarted: dict[str, int] = {}  # how often a release's processes were restarted
        self.enabled: tuple[str, tuple[str, ...]] | None = None
        self.calls: list[str] = []
        self.stubborn: set[str] = set()  # what has to be killed
        self.fails = -1
        self.after = False
        self.error: BaseException = ProcessError("it fell", "Its last lines:\n  ouch")

    def _step(self, name: str) -> bool:
        self.calls.append(name)
        self.fails -= 1
        return self.fails == -1

    def instances(self) -> list[Running]:
        return [
            Running(release, process, True, self.restarted.get(release, 0), 1)
            for release, process in self.running
        ]

    def start(self, release: str, processes: Sequence[str]) -> None:
        failing = self._step(f"start {release} {' '.join(processes)}")
        if not failing or self.after:
            self.running += [
                (release, one) for one in processes if (release, one) not in self.running
            ]
        if failing:
            raise self.error

    def stop(self, release: str, processes: Sequence[str]) -> list[str]:
        failing = self._step(f"stop {release} {' '.join(processes)}")
        if not failing or self.after:
            self.running = [
                one for one in self.running if one[0] != release or one[1] not in processes
            ]
        if failing:
            raise self.error
        return [one for one in processes if one in self.stubborn]

    def enable(self, release: str, processes: Sequence[str]) -> None:
        failing = self._step(f"enable {release}")
        if not failing or self.after:
            self.enabled = (release, tuple(processes))
        if failing:
            raise self.error

    def probe_address(self, release: str) -> str:
        return f"/run/{release}.sock"

    def logs(self, request: LogRequest) -> LogPage:
        texts = [(f"{one} of {request.release} says ouch", one) for one in request.processes]
        return LogPage(tuple(LogLine(text, one, request.release) for text, one in texts))

    def begun(self, release: str, process: str) -> str:
        return ""

    def command(self, release: str, argv: Sequence[str], env: dict[str, str]) -> CommandLine:
        raise AssertionError(argv)

    def commands(self) -> list[RunningCommand]:
        return list(self.works)

    def cancel(self, command: str) -> None:
        self.works = [one for one in self.works if one.id != command]


def stage_by_hand(root: Path, manifest_text: str, release: str) -> None:
    """Make a folder that passes for a staged release."""
    folder = root / "releases" / release
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest_text, encoding="utf-8")
