"""An install by hand: the steps and refusals of a release over SSH, on one host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import TAKEN_BACK
from django_deploykit.runtime.deploy.install import carry_out
from django_deploykit.runtime.deploy.plan import Choices, Plan, release_plan
from django_deploykit.runtime.deploy.readiness import Expected
from django_deploykit.runtime.deploy.stages import Caller
from django_deploykit.runtime.wire.facts import HostFacts
from django_deploykit.runtime.wire.reader import read
from django_deploykit.runtime.wire.releasing import InstallResult
from django_deploykit.runtime.wire.reports import CheckResult, KinResult
from tests.unit.release.fakes import LAYERS, NEW, OLD, Host, new_manifest

DONE = {
    "live": NEW,
    "serving": (NEW,),
    "layers": frozenset(layer.sha256 for layer in LAYERS),
}
SICK = {"id": "deploykit.E814", "level": "ERROR", "message": "GET /up answered 500"}


def pending(**operation: Any) -> Document:
    one = {"app": "shop", "name": "0002_x", "operations": [{"describe": "Add x", **operation}]}
    return {"migrations": [{"database": "default", "pending": [one]}]}


class Memory:
    """A host in memory; ``reports`` are its next checks' reports, ``fails`` the calls that fail."""

    name = "web1"

    def __init__(self, **facts: Any) -> None:
        self.now = replace(Host().facts(), **facts)
        self.reports: list[Document] = []
        self.kin_result = KinResult(same=False, live=OLD)
        self.damaged: list[str] = []
        self.fails: dict[str, BaseException] = {}
        self.calls: list[str] = []
        self.notes: list[str] = []
        self.failures: list[tuple[str, str, str]] = []

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]

    def facts(self) -> HostFacts:
        self.calls.append("facts")
        return self.now

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.calls.append("lock")
        yield
        self.calls.append("unlock")

    def settle(self) -> str | None:
        self._called("settle")
        return OLD

    def add_layers(self) -> None:
        self._called("add_layers")

    def stage(self) -> Sequence[str]:
        self._called("stage")
        return [self.damaged.pop()] if self.damaged else []

    def check(self, release: str) -> CheckResult:
        self._called(f"check {release}")
        report = self.reports.pop(0) if self.reports else {}
        code = int("findings" in report)
        return read(CheckResult, {"code": code, "report": report}, "check")

    def kin(self, release: str) -> KinResult:
        self._called("kin")
        return self.kin_result

    def migrate(self, release: str, databases: Sequence[str]) -> None:
        self._called(f"migrate {' '.join(databases)}")

    def upload(self, release: str) -> None:
        self._called(f"upload {release}")

    def switch(self, release: str) -> None:
        self._called(f"switch {release}")

    def failed(self, release: str, why: str, databases: str) -> None:
        self.failures.append((release, why, databases))

    def prune(self) -> Sequence[str]:
        self._called("prune")
        return [OLD]

    def validate_live(self, release: str) -> None:
        self._called(f"validate {release}")


def install(here: Memory, *, allow: bool = False) -> InstallResult:
    def plan() -> Plan:
        expected = Expected("sudo ./shop.pyz deploykit setup", 0.0)
        return release_plan(
            new_manifest(), {here.name: here.facts()}, Choices(), {here.name: expected}
        )

    caller = Caller(
        refused="Use --allow-breaking-migrations.",
        command=lambda _: "./shop.pyz deploykit exec --",
        note=here.notes.append,
        allow_breaking=allow,
    )
    return carry_out(here, plan, caller)


STEPS = ("send", "stage", "check", "compatibility", "migrate", "recheck", "switch", "prune")


def test_walks_the_steps_of_a_release() -> None:
    here = Memory()
    here.reports = [pending()]
    assert install(here) == InstallResult(NEW, changed=True, removed=(OLD,))
    assert [note for note in here.notes if note in STEPS] == list(STEPS)
    assert here.calls == [
        *("lock", "facts", "add_layers", "stage", f"check {NEW}", "migrate default"),
        *(f"check {NEW}", f"switch {NEW}", "prune", "unlock"),
    ]


def test_a_release_that_is_live_already_changes_nothing() -> None:
    here = Memory(**DONE)
    assert install(here) == InstallResult(NEW, changed=False)
    assert here.calls == ["lock", "facts", f"validate {NEW}", "unlock"]


def test_a_live_release_that_is_not_well_is_an_error() -> None:
    here = Memory(**DONE)
    here.fails[f"validate {NEW}"] = DeployKitError("GET / answered 500")
    with pytest.raises(DeployKitError, match="answered 500"):
        install(here)


def test_an_older_bundle_is_refused_where_a_migration_broke_it() -> None:
    here = Memory()
    newer = {"database": "default", "unknown": ["shop.0003_drop"], "back": {"shop": "0002_note"}}
    here.reports = [{"migrations": [newer]}]
    with pytest.raises(Problems) as caught:
        install(here)
    command = "./shop.pyz deploykit exec -- migrate --database default shop 0002_note"
    assert caught.value.problems == (command,)
    assert caught.value.message.startswith("nothing was switched: applied migrations break")
    assert f"switch {NEW}" not in here.calls


def test_breaking_migrations_are_refused_unless_they_are_allowed() -> None:
    for allow in (False, True):
        here = Memory()
        here.reports = [pending(breaks=True, why="it is used")]
        if allow:
            assert install(here, allow=True).changed
            continue
        with pytest.raises(Problems, match="these migrations break the code that runs now"):
            install(here)
        assert "migrate default" not in here.calls


def test_a_release_that_is_sick_behind_its_migrations_is_not_switched_to() -> None:
    here = Memory()
    here.reports = [pending(), {"findings": [SICK]}]
    with pytest.raises(Problems, match="the migrations ran, but nothing was switched") as caught:
        install(here)
    said = "\nThe database was changed, and stays so: shop.0002_x on default applied."
    assert caught.value.message.endswith(said)
    why = caught.value.message[: -len(said)]
    assert here.failures == [(NEW, why, "shop.0002_x on default applied")]
    assert "migrate default" in here.calls
    assert f"switch {NEW}" not in here.calls


def test_a_host_that_cannot_take_the_bundle_is_refused() -> None:
    with pytest.raises(Problems, match="web1 has no Python"):
        install(Memory(python=""))
    with pytest.raises(Problems, match=r"run `sudo \./shop\.pyz deploykit setup`"):
        install(Memory(drift=("shop.socket",)))


def test_an_interrupted_switch_is_settled_first() -> None:
    here = Memory(switching=True)
    assert install(here).changed
    assert here.calls.index("settle") < here.calls.index("add_layers")


def test_damaged_layers_are_extracted_again_once() -> None:
    here = Memory()
    here.damaged = ["a" * 64]
    assert install(here).changed
    assert here.calls.count("add_layers") == 2
    here = Memory()
    here.damaged = ["a" * 64] * 2
    with pytest.raises(Problems, match="web1: layers are still damaged"):
        install(here)


def test_a_failure_of_the_switch_keeps_its_words_and_its_exit_code() -> None:
    here = Memory()
    here.fails[f"switch {NEW}"] = DeployKitError("web is not healthy", "", TAKEN_BACK)
    with pytest.raises(DeployKitError) as caught:
        install(here)
    assert (caught.value.message, caught.value.exit_code) == ("web is not healthy", TAKEN_BACK)
    assert "prune" not in here.calls
    assert here.failures == []  # the switch writes it


def test_a_failure_after_migrations_says_what_the_database_has_now() -> None:
    for fails, said in (
        (f"switch {NEW}", "stays so: shop.0002_x on default applied."),
        ("migrate default", "shop.0002_x on default may be applied or not."),
    ):
        here = Memory(live=None, serving=())
        here.reports = [pending()]
        here.fails[fails] = DeployKitError("it failed", "", TAKEN_BACK if "switch" in fails else 1)
        with pytest.raises(DeployKitError) as caught:
            install(here)
        assert said in caught.value.message
        assert len(here.failures) == int("migrate" in fails)


def test_an_interrupt_is_in_the_journal() -> None:
    here = Memory()
    here.fails["stage"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        install(here)
    assert here.failures == [(NEW, "it was interrupted", "")]
