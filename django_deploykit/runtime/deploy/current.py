"""The live release with the current configuration: whether it is good, and its restart."""

from __future__ import annotations

from ..base.errors import HALF_DONE, DeployKitError, Problems
from ..base.hints import verb_command
from ..base.site import Site
from ..storage.virtualenv import load_release
from ..supervisors.base import Supervisor
from ..wire.events import Activity, Emit
from ..wire.journal import JournalRecord, append_or_warn
from ..wire.reports import CheckResult
from .probing import processes_of, site_problem, verify


def validate_live(site: Site, supervisor: Supervisor, release: str, result: CheckResult) -> None:
    """Raise an error that lists everything that is wrong with the live release.

    ``result`` is its check with the current configuration.
    """
    manifest = load_release(site.releases / release)
    problem = site_problem(site, supervisor.instances(), manifest)
    problems = [*result.refusals(), *([problem] if problem else [])]
    if problems:
        raise Problems(
            f"{release} is live already, but it is not healthy:",
            problems,
            f"Correct {site.ini} if the configuration is wrong. Processes read it when they start: "
            f"{verb_command('restart')}. Nothing was changed.",
        )


def restart(
    site: Site, supervisor: Supervisor, release: str, result: CheckResult, owner: str, emit: Emit
) -> JournalRecord:
    """Restart the live release's processes, so that they read the configuration again.

    ``result`` is the check with that configuration; if it has errors, nothing is restarted.
    Connections wait in the site's socket meanwhile.
    """
    problems = result.refusals()
    if problems:
        raise Problems(
            "nothing was restarted; the site keeps the configuration that it has read:",
            problems,
            f"Correct {site.ini}.",
        )
    names = processes_of(site, load_release(site.releases / release))
    record = JournalRecord("restart", release, "done", owner)
    try:
        emit(Activity("stop", ", ".join(names)))
        supervisor.stop(release, names)
        before = supervisor.instances()
        emit(Activity("start", ", ".join(names)))
        supervisor.start(release, names)
        if "web" in names:
            emit(Activity("verify", site.health))
            verify(site, supervisor, release, before)
    except DeployKitError as error:
        failed = JournalRecord("restart", release, "failed", owner, why=error.message)
        append_or_warn(site.journal, failed, emit)
        raise DeployKitError(
            f"{error.message}\n{release} was restarted, but it is not healthy",
            error.hint,
            HALF_DONE,
        ) from error
    append_or_warn(site.journal, record, emit)
    return record
