"""The stages that a release over SSH and an install by hand share, on hosts in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import HALF_DONE, TAKEN_BACK
from django_deploykit.runtime.deploy.plan import Plan, Step
from django_deploykit.runtime.deploy.stages import (
    Caller,
    StageHost,
    Stages,
    find_blocking,
    host_problems,
    refuse_blocking,
)
from django_deploykit.runtime.wire.reader import read
from django_deploykit.runtime.wire.reports import CheckResult, KinResult
from tests.unit.release.fakes import NEW, OLD

T = TypeVar("T")


@dataclass
class Memory:
    """A host whose releases report ``rows``, and whose live release knows every migration."""

    name: str = "web1"
    rows: Mapping[str, list[Document]] = field(default_factory=dict)
    breaks: Mapping[str, bool] = field(default_factory=dict)
    findings: list[Document] = field(default_factory=list)
    code: int = 0
    calls: list[str] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    def failed(self, release: str, why: str, databases: str) -> None:
        self.failures.append((release, why, databases))

    def settle(self) -> str | None:
        self.calls.append("settle")
        return OLD

    def check(self, release: str) -> CheckResult:
        self.calls.append(f"check {release}")
        report = {"findings": self.findings, "migrations": self.rows.get(release, [])}
        return read(CheckResult, {"code": self.code, "report": report}, "check")

    def kin(self, release: str) -> KinResult:
        self.calls.append("kin")
        return KinResult(same=False, breaks=self.breaks, live=NEW)

    def migrate(self, release: str, databases: Sequence[str]) -> None:
        self.calls.append(f"migrate {' '.join(databases)}")

    def upload(self, release: str) -> None:
        self.calls.append(f"upload {release}")


def caller(**changes: Any) -> Caller:
    command = "./manage.py release production exec --"
    return Caller(**{"refused": "Split it.", "command": lambda _: command, "note": str, **changes})


def pending(place: str, **operation: Any) -> Document:
    one = {"app": "shop", "name": "0002_x", "operations": [{"describe": "Add x", **operation}]}
    return {"database": "default", "place": place, "pending": [one]}


def stages(*hosts: Memory, order: Sequence[str] | None = None, **changes: Any) -> Stages:
    by_name = {host.name: host for host in hosts}

    def on_hosts(hosts: Sequence[str], work: Callable[[StageHost], T]) -> dict[str, T]:
        return {name: work(by_name[name]) for name in hosts}

    names = tuple(by_name) if order is None else tuple(order)
    steps = (Step("migrate", names, ""),) if names else ()
    return Stages(
        Plan("release", NEW, steps, {}), on_hosts, caller(**changes), dict.fromkeys(by_name, OLD)
    )


def run(found: Stages, *kinds: str) -> list[str]:
    return [getattr(found, kind)(Step(kind, tuple(found.live), "")) for kind in kinds]


WAY = ("check", "compatibility", "migrate", "recheck")


def test_a_shared_database_is_migrated_once_and_every_serving_host_checked_again() -> None:
    hosts = [Memory(name, {NEW: [pending("db")]}) for name in ("web1", "web2")]
    found = stages(*hosts)
    found.live["web1"] = None
    assert run(found, *WAY) == ["", "", "", ""]
    assert hosts[0].calls == [f"check {NEW}", "migrate default"]
    assert hosts[1].calls == [f"check {NEW}", f"check {NEW}"]
    assert found.migrated == ["web1: default"]
    assert found.pending == ["shop.0002_x on default", "    Add x"]


def test_an_error_after_migrations_names_some_of_many() -> None:
    found = stages(Memory())
    error = DeployKitError("it failed")
    found.failed(error)
    assert error.message == "it failed"
    found.begun = found.applied = [f"shop.{number:04} on default" for number in range(12)]
    found.failed(error)
    assert error.message.endswith("shop.0009 on default and 2 more applied.")


def test_every_host_of_the_plan_journals_a_failure_with_what_the_databases_have() -> None:
    hosts = [Memory(name) for name in ("web1", "web2")]
    found = stages(*hosts)
    found.begun = ["shop.0002_x on default", "shop.0003_y on default"]
    found.applied = found.begun[:1]
    found.failed(DeployKitError("web2 is ill"))
    found.failed(KeyboardInterrupt())
    now = "shop.0002_x on default applied; shop.0003_y on default may be applied or not"
    rows = [(NEW, "web2 is ill", now), (NEW, "it was interrupted", now)]
    assert [host.failures for host in hosts] == [rows, rows]


@pytest.mark.parametrize("code", [TAKEN_BACK, HALF_DONE])
def test_the_switch_itself_journals_its_failure(code: int) -> None:
    host = Memory()
    stages(host).failed(DeployKitError("it failed", "", code))
    assert host.failures == []


def test_a_host_that_cannot_journal_hides_no_error() -> None:
    def broken(hosts: Sequence[str], work: Callable[[StageHost], T]) -> dict[str, T]:
        raise DeployKitError("the connection broke")

    found = stages(Memory())
    found.on_hosts = broken
    error = DeployKitError("it failed")
    found.failed(error)
    assert error.message == "it failed"


def test_a_stage_with_nothing_to_do_returns_why() -> None:
    host = Memory()
    assert run(stages(host), *WAY) == ["", "", "no migrations are pending", "no migrations ran"]
    assert host.calls == [f"check {NEW}"]


def test_errors_of_a_check_refuse_the_release_and_warnings_do_not() -> None:
    error = {"id": "E101", "level": "ERROR", "message": "DEBUG is on", "hint": "turn it off"}
    host = Memory(findings=[error, {"id": "W1", "level": "WARNING", "message": "slow"}], code=1)
    found = stages(host)
    with pytest.raises(Problems) as caught:
        run(found, "check")
    assert caught.value.problems == ("web1: E101: DEBUG is on (turn it off)",)
    host.code = 0
    assert run(found, "check") == [""]
    assert [one["id"] for one in found.findings] == ["E101", "W1"]


def test_a_release_that_is_older_than_its_database_is_told_so_before_what_its_checks_find() -> None:
    error = {"id": "E814", "level": "ERROR", "message": "GET /up answered 500"}
    older = {"database": "default", "unknown": ["shop.0002_x"], "back": {"shop": "0001_initial"}}
    host = Memory(rows={OLD: [older]}, findings=[error], code=1)
    found = stages(host)
    found.plan = replace(found.plan, release=OLD)
    with pytest.raises(Problems) as caught:
        run(found, "check")
    assert "applied migrations break the older release" in caught.value.message
    assert "E814" not in caught.value.message
    host.breaks = {"shop.0002_x": False}
    with pytest.raises(Problems, match="E814"):
        run(found, "check")


def test_findings_are_told_if_migrations_cannot_be_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kin(_: Memory, release: str) -> KinResult:
        raise DeployKitError(f"{release} is lost")

    monkeypatch.setattr(Memory, "kin", kin)
    error = {"id": "E814", "level": "ERROR", "message": "GET /up answered 500"}
    older = {"database": "default", "unknown": ["shop.0002_x"]}
    with pytest.raises(Problems, match="E814"):
        run(stages(Memory(rows={NEW: [older]}, findings=[error], code=1)), "check")


def test_breaking_migrations_are_refused_unless_they_are_allowed_or_confirmed() -> None:
    host = Memory(rows={NEW: [pending("db", breaks=True, why="it is used")]})
    for answers in (None, lambda _: False):
        with pytest.raises(Problems) as caught:
            run(stages(host, confirm=answers), "check", "compatibility")
        assert caught.value.problems == ("shop.0002_x: Add x: it is used",)
        assert caught.value.hint == "Split it."
    for allowed in ({"allow_breaking": True}, {"confirm": lambda _: True}):
        assert run(stages(host, **allowed), "check", "compatibility") == ["", ""]


def test_pending_migrations_that_no_host_may_run_are_refused() -> None:
    found = stages(Memory(rows={NEW: [pending("db")]}), order=())
    with pytest.raises(Problems, match="no host of `migrate_on` is part of this release"):
        run(found, "check", "compatibility")


def refuse(row: Document, breaks: dict[str, bool]) -> None:
    host = Memory(rows={OLD: [{"database": "default", **row}]}, breaks=breaks)
    refuse_blocking({"web1": find_blocking(host, OLD)}, caller())


def test_an_older_release_is_refused_with_the_commands_that_reverse_its_migrations() -> None:
    with pytest.raises(Problems) as caught:
        refuse({"unknown": ["shop.0002_x"], "back": {"shop": "0001_initial"}}, {})
    command = "./manage.py release production exec -- migrate --database default shop"
    assert caught.value.problems == (f"{command} 0001_initial",)


def test_the_last_migration_of_an_app_is_never_guessed() -> None:
    with pytest.raises(Problems) as caught:
        refuse({"unknown": ["shop.0002_x", "shop.0003_y"]}, {})
    names = ("web1: shop.0002_x on default", "web1: shop.0003_y on default")
    assert caught.value.problems == names
    assert "zero" not in caught.value.message + caught.value.hint


def test_an_older_release_goes_back_where_no_migration_breaks_it() -> None:
    refuse({"unknown": ["shop.0002_x"]}, {"shop.0002_x": False})


def test_errors_of_several_hosts_become_one_with_the_worst_code_and_each_hint_once() -> None:
    errors = {
        "a": DeployKitError("x", "Look.", 1),
        "b": DeployKitError("y", "Look.", 3),
        "c": DeployKitError("z", "", 1),
    }
    found = host_problems("it failed:", errors)
    assert found.exit_code == 3
    assert found.hint == "Look."
    assert found.problems == ("a: x", "b: y", "c: z")


def test_static_files_are_uploaded_by_one_host() -> None:
    first, second = Memory("web1"), Memory("web2")
    assert stages(first, second).upload(Step("upload", ("web2",), "")) == ""
    assert (first.calls, second.calls) == ([], [f"upload {NEW}"])
