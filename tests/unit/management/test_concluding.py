"""What a release prints of its plan and its end."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.management.concluding import conclude, show_nothing_to_do, show_plan
from django_deploykit.release.outcome import Outcome
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE
from django_deploykit.runtime.deploy.plan import lock_plan
from tests.unit.management.sessions import MemorySession
from tests.unit.release.fakes import NEW, OLD, Host


def test_a_plan_is_data_for_machines(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    plan = lock_plan("release", ["web1"])
    assert show_plan(session, plan) == LIVE
    assert session.printed() == {"environment": "production", "plan": plan.as_json()}


def test_nothing_to_do_is_no_change(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    assert show_nothing_to_do(session, NEW, ["web1"]) == LIVE
    assert session.printed()["live"] == {"web1": NEW}
    assert session.printed()["changed"] is False


def test_the_exit_code_is_the_outcome_s_and_errors_are_on_standard_error(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    outcome = Outcome(NEW, HALF_DONE, live={"web1": None}, before={"web1": OLD})
    outcome.errors["web1"] = "it stays away"
    assert conclude(session, outcome, 1.5, commit="ab12", size=7) == HALF_DONE
    data = session.printed()
    assert (data["changed"], data["total_seconds"], data["bundle_size"]) == (False, 1.5, 7)
    assert "web1: it stays away" in session.err.getvalue()
    assert session.record.outcome is outcome
