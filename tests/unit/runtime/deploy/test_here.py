"""This host in a release by hand."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import LOCKED, DeployKitError, Problems
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.deploy.here import (
    Errand,
    Here,
    local_stages,
    locked_plan,
    run_on,
    run_steps,
    show_plan,
)
from django_deploykit.runtime.deploy.plan import Choices, Plan, Step, lock_plan, release_plan
from django_deploykit.runtime.deploy.readiness import Expected
from django_deploykit.runtime.deploy.stages import Caller, StageHost, Stages
from django_deploykit.runtime.wire.journal import read_journal
from django_deploykit.runtime.wire.releasing import InstallResult
from django_deploykit.runtime.wire.voice import Voice
from tests.unit.release.fakes import LAYERS, NEW, Host, new_manifest

OLD = "20261101T000000-aaaaaaa"


@pytest.fixture
def here(tmp_path: Path) -> Here:
    site = Site("shop", tmp_path, tmp_path, tmp_path, supervisor="plain", listen=":0")
    return Here(site, tmp_path / "x.pyz", Errand("rollback", "rolling back", 0.0), Voice(False))


def test_the_lock_says_who_holds_it_and_what_for(here: Here) -> None:
    with here.lock():
        held = deploy_lock.holder(here.site.root / "lock")
        assert held is not None
        assert (held.what, held.owner) == ("rolling back", f"{getpass.getuser()}@{here.name}")
        with pytest.raises(DeployKitError) as caught, here.lock():
            pass
        assert caught.value.exit_code == LOCKED
    assert here.settle() is None


def test_an_error_names_the_host_and_what_stays_live(here: Here) -> None:
    def fail(_: StageHost) -> None:
        raise DeployKitError("the disk is full", "Free some space.")

    with pytest.raises(Problems) as caught:
        run_on(here, [here.name], fail)
    assert caught.value.problems == (f"{here.name}: the disk is full",)
    assert "what is live stays live" in caught.value.message
    assert caught.value.hint == "Free some space."


def test_the_plan_is_made_under_the_lock() -> None:
    said: list[str] = []

    @contextmanager
    def lock() -> Iterator[None]:
        said.append("lock")
        yield
        said.append("unlock")

    def make_plan() -> Plan:
        said.append("plan")
        return lock_plan("rollback", ["web1"])

    with locked_plan("rollback", "web1", lock(), make_plan):
        said.append("work")
    assert said == ["lock", "plan", "work", "unlock"]


LAYERS_STORED = frozenset(layer.sha256 for layer in LAYERS)


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "prune"),
        ({"live": NEW, "serving": (NEW,), "layers": LAYERS_STORED}, "nothing to do: "),
    ],
)
def test_a_plan_is_lines_for_a_person_and_data_for_a_program(
    facts: Document, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    now = replace(Host().facts(), **facts)
    plan = release_plan(new_manifest(), {"web1": now}, Choices(), {"web1": Expected("setup", 0.0)})
    assert show_plan(plan, Voice(person=False)) is plan
    assert capsys.readouterr().out == ""
    assert show_plan(plan, Voice(person=True)) == InstallResult(now.live or "", changed=False)
    assert capsys.readouterr().out.splitlines()[-1].strip().startswith(line)


def stages(here: Here, notes: list[str]) -> Stages:
    steps = (*lock_plan("rollback", ["web1"]).steps, Step("settle", ("web1",), "settle it"))
    caller = Caller("", lambda _: "", notes.append)
    return local_stages(here, Plan("rollback", OLD, steps, {}), caller)


def test_steps_after_the_lock_run_and_say_what_they_skip(here: Here) -> None:
    notes: list[str] = []
    run_steps(stages(here, notes), {"settle": lambda _: "all is well"})
    assert notes == ["settle", "settle: nothing to do, all is well"]
    assert not here.site.journal.exists()


def test_a_refusal_is_in_the_journal(here: Here) -> None:
    def refuse(_: Step) -> str:
        raise Problems("nothing was changed:", ["a column is missing"])

    with pytest.raises(Problems):
        run_steps(stages(here, []), {"settle": refuse})
    (record,) = read_journal(here.site.journal)
    assert (record.action, record.release, record.result) == ("rollback", OLD, "failed")
    assert record.why == "nothing was changed:\n  - a column is missing"
    assert record.owner == here.owner
