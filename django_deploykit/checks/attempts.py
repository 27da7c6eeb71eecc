"""Runs checks one by one, so that one that cannot run does not hide what the others find."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django_deploykit.checks.finding import Finding, NotChecked, Undecided
from django_deploykit.checks.offline import needs_connection
from django_deploykit.checks.project_settings import without_secrets
from django_deploykit.time_limits import NoAnswerError, within

COULD_NOT_RUN = "deploykit.E800"
BROKEN = "it could not run: "
NEEDS_SERVER = "it needs the host: --server"
ON_REQUEST = "only on request: --only "
_HINT = "Correct the cause, and run the checks again: they may find more."
_NO_KEY = (
    'Read it with config.secret("SECRET_KEY"), or give it a value for checks and the build, in '
    "deploykit.ini below [bundle]: environment = SECRET_KEY=build"
)


@dataclass
class Attempts:
    """What the checks of a run have found, and which of them gave no result.

    ``broken`` has the names of checks that could not run, by the reason and its place.
    """

    root: Path
    findings: list[Finding] = field(default_factory=list)
    not_checked: list[NotChecked] = field(default_factory=list)
    broken: dict[tuple[str, str, int], list[str]] = field(default_factory=dict)

    def run(self, name: str, work: Callable[[], Iterable[Finding]], limit: float = 0.0) -> None:
        """Run a check, for at most ``limit`` seconds if that is not 0."""
        found: list[Finding] = []
        try:
            if limit:
                within(limit, lambda: found.extend(work()))
            else:
                found.extend(work())
        except Undecided as error:
            self.not_checked.append(NotChecked(name, str(error)))
        except NoAnswerError as error:
            self._could_not_run(name, str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - projects and libraries may raise anything
            if needs_connection(error):
                self.not_checked.append(NotChecked(name, "it connects to a service: --server"))
            else:
                text = f"{type(error).__name__}: {without_secrets(str(error))}"
                self._could_not_run(name, text.strip(": "), *_place(error, self.root))
        self.findings += list(found)

    def _could_not_run(self, name: str, reason: str, path: str = "", line: int = 0) -> None:
        self.not_checked.append(NotChecked(name, f"{BROKEN}{reason}"))
        self.broken.setdefault((reason, path, line), []).append(name)

    def iter_broken(self) -> Iterator[Finding]:
        """Yield a finding for each reason why checks could not run."""
        for (reason, path, line), names in self.broken.items():
            shown = ", ".join(names[:3])
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Finding(
                f"{shown}{more} could not run: {reason}",
                _NO_KEY if "The SECRET_KEY setting must not be empty" in reason else _HINT,
                path=path,
                line=line,
                id=COULD_NOT_RUN,
                level="ERROR",
            )


def _place(error: BaseException, root: Path) -> tuple[str, int]:
    """Return the last file and line of the project in an error's traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            return str(path.relative_to(root)), frame.lineno or 0
    return "", 0
