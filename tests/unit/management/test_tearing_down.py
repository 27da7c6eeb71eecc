"""Taking a site off its hosts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.management.session import Options, Session
from django_deploykit.management.tearing_down import end_lines, remove_site, tear_down
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.operating import RemoveResult
from tests.unit.management.sessions import MemorySession
from tests.unit.release.fakes import BEFORE, REPORTED, FakeTransport, Host

T = TypeVar("T")
STEPS = ["stop the units", "remove /srv/shop"]
KEPT = ["/var/lib/shop", "/etc/shop"]


class Standing(FakeTransport):
    """A host that answers ``remove``; it has the site until it is removed."""

    def __init__(self, host: Host, there: bool = True) -> None:
        super().__init__(host)
        self.there = there
        self.words: list[tuple[str, ...]] = []

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        self.words.append(arguments)
        return super().call(verb, *arguments, stream=stream, on_event=on_event)

    def _remove(self, _: dict[str, str]) -> dict[str, Any]:
        rows = {"plan": STEPS if self.there else [], "kept": KEPT if self.there else []}
        if "--plan" in self.words[-1]:
            return {"changed": False, **rows}
        self.there = False
        return {"changed": True, **rows}


class Teardown(MemorySession):
    """A session on these hosts, and what it printed for people."""

    def __init__(self, folder: Path, *hosts: Standing, options: Options, as_json: bool = False):
        super().__init__(folder, *(one.host for one in hosts), options=options)
        self.hosts = {one.name: one for one in hosts}
        self.console = Console(self.out, self.err, as_json=as_json)

    def remove(self, data: bool = False) -> int:
        return remove_site(self, self.fleet(self.hosts), data)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


def test_the_plan_is_shown_and_nothing_is_removed(tmp_path: Path) -> None:
    web1, web2 = Standing(Host(name="web1")), Standing(Host(name="web2"), there=False)
    session = Teardown(tmp_path, web1, web2, options=Options(plan=True))
    assert session.remove() == 0
    assert session.lines == [
        "remove         web1: remove the site, as root (stop the units, remove /srv/shop)",
        "web1: would stay: /var/lib/shop",
        "web1: would stay: /etc/shop",
    ]
    assert web1.there


def test_every_host_that_has_the_site_is_asked_to_remove_it(tmp_path: Path) -> None:
    web1, web2 = Standing(Host(name="web1")), Standing(Host(name="web2"), there=False)
    session = Teardown(tmp_path, web1, web2, options=Options(noinput=True), as_json=True)
    assert session.remove(data=True) == 0
    assert (web1.there, len(web2.words)) == (False, 1)
    assert web1.words == [("--plan", "--data"), ("--noinput", "--data")]
    printed = session.printed()
    assert printed["plan"]["steps"][0]["what"] == "remove the site with its data, as root"
    assert {host: row["changed"] for host, row in printed["hosts"].items()} == {
        "web1": True,
        "web2": False,
    }


def test_a_site_that_is_nowhere_is_nothing_to_do(tmp_path: Path) -> None:
    session = Teardown(tmp_path, Standing(Host(), there=False), options=Options())
    assert session.remove() == 0
    assert session.lines == ["nothing to do: the site is on none of these hosts"]


def test_nothing_is_removed_without_a_yes(tmp_path: Path) -> None:
    one = Standing(Host())
    session = Teardown(tmp_path, one, options=Options(), as_json=True)
    with pytest.raises(DeployKitError, match="--json cannot ask for confirmation"):
        session.remove()
    assert one.there


def test_a_host_that_does_not_answer_stops_all_before_anything_changes(tmp_path: Path) -> None:
    web1, web2 = (
        Standing(Host(name="web1")),
        Standing(Host(name="web2", fails={"remove": [BEFORE]})),
    )
    session = Teardown(tmp_path, web1, web2, options=Options(noinput=True))
    with pytest.raises(DeployKitError, match="nothing was removed; these hosts did not answer"):
        session.remove()
    assert web1.there


@pytest.mark.parametrize(("names", "code"), [(("web1",), 1), (("web1", "web2"), 5)])
def test_a_host_that_fails_in_the_middle_is_named(
    tmp_path: Path, names: tuple[str, ...], code: int
) -> None:
    hosts = [Standing(Host(name=name)) for name in names]
    hosts[0].host.fails["remove"] = ["", REPORTED]
    session = Teardown(tmp_path, *hosts, options=Options(noinput=True))
    assert session.remove() == code
    assert "web1: failed: remove failed here" in session.lines
    assert "  Run the same command again." in session.lines
    assert ("web2: removed" in session.lines) is (len(names) == 2)


def test_what_stays_is_listed() -> None:
    row = RemoveResult(True, tuple(STEPS), tuple(KEPT))
    assert end_lines("web1", row, "", planned=False) == [
        "web1: removed",
        "web1: stays: /var/lib/shop",
        "web1: stays: /etc/shop",
    ]


def test_local_is_a_folder(tmp_path: Path) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    with pytest.raises(DeployKitError, match="the environment local needs no teardown") as caught:
        tear_down(Session(project, Environment("local"), Console()), data=False)
    assert ".deploykit/local" in caught.value.hint
