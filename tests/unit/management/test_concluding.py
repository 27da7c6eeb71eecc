"""What a release prints of its plan and its end."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.management.concluding import conclude, show_nothing_to_do, show_plan
from django_deploykit.progress import FAILED
from django_deploykit.release.outcome import Outcome
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, TAKEN_BACK
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


def test_a_failure_is_told_once_with_what_to_do(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    session.console.as_json = False
    remedy = f"Answer it without an error, or ask for another page: {'health = /up ' * 20}"
    outcome = Outcome(NEW, TAKEN_BACK, live={"web1": OLD}, before={"web1": OLD})
    with session.console.step("switch", ["web1"]):
        session.console.at("web1", "switch", FAILED, "GET / answered 500")
    outcome.errors["web1"] = f"GET / answered 500\n{remedy}"
    conclude(session, outcome, 1.5)
    shown = session.out.getvalue() + session.err.getvalue()
    assert shown.count("answered 500") == 1
    assert remedy in session.err.getvalue()
