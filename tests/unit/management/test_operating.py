"""Looking at a site, and running commands on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.concluding import show_status
from django_deploykit.management.console import Console
from django_deploykit.management.logs import show_logs
from django_deploykit.management.operating import cancel, run_command, status, stop
from django_deploykit.management.session import Options, Session, local_site
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.wire.logs import log_request
from tests.unit.management.sessions import MemorySession
from tests.unit.release.fakes import NEW, FakeTransport, Host


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "work",
    [
        lambda session: show_logs(session, log_request((), "", None, None), "", follow=False),
        lambda session: run_command(session, ["check"]),
    ],
)
def test_a_local_site_with_nothing_live_has_no_log_and_runs_nothing(
    work: Callable[[Session], int], as_json: bool, tmp_path: Path
) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    session = Session(project, Environment("local"), Console(as_json=as_json))
    with pytest.raises(DeployKitError, match="nothing is live on local") as caught:
        work(session)
    assert "manage.py release" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("problem", "code"), [("", 0), ("no web process runs", 1)])
def test_the_exit_code_of_status_says_whether_every_site_answers(
    tmp_path: Path, problem: str, code: int
) -> None:
    session = MemorySession(tmp_path, Host(name="web1"), Host(name="web2", problem=problem))
    assert show_status(session, status(session)) == code
    row = session.printed()["hosts"]["web2"]
    assert (row["answers"], row["problem"]) == (not problem, problem)


COMMAND = {"id": "0123", "release": NEW, "name": "migrate", "since": 1.0}


def test_a_command_is_ended_on_the_host_where_it_runs(tmp_path: Path) -> None:
    hosts = Host(name="web1"), Host(name="web2", commands=[COMMAND])
    session = MemorySession(tmp_path, *hosts)
    assert cancel(session, "0123") == 0
    assert session.printed()["canceled"] == {"web2": {"canceled": COMMAND}}
    with pytest.raises(DeployKitError, match="web1: no such command runs here"):
        cancel(MemorySession(tmp_path, *hosts), "0123")


@pytest.mark.parametrize(("command", "hosts"), [("0123", [["web2"]]), ("4567", [])])
def test_a_plan_ends_no_command(tmp_path: Path, command: str, hosts: list[list[str]]) -> None:
    host = Host(name="web2", commands=[COMMAND])
    session = MemorySession(tmp_path, Host(name="web1"), host, options=Options(plan=True))
    assert cancel(session, command) == 0
    assert [step["hosts"] for step in session.printed()["plan"]["steps"]] == hosts
    assert host.commands == [COMMAND]


@pytest.mark.parametrize(("release", "words"), [("", ()), (NEW, ("--release", NEW))])
def test_a_command_runs_in_the_named_release(
    tmp_path: Path, release: str, words: tuple[str, ...]
) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    with pytest.raises(AssertionError) as caught:  # as the fake transport has no terminal
        run_command(session, ["check"], release)
    assert caught.value.args == (("exec", (*words, "--", "check")),)


def test_a_local_site_with_nothing_live_runs_commands_of_a_staged_release(tmp_path: Path) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    session = Session(project, Environment("local"), Console(as_json=True))
    with pytest.raises(DeployKitError, match="nothing is live on local"):
        run_command(session, ["check"], NEW)
    (local_site(project, session.environment).root / "releases").mkdir(parents=True)
    assert run_command(session, ["check"], NEW) == 1  # it is not staged


class Running(FakeTransport):
    """A local site with processes."""

    def _status(self, _: dict[str, str]) -> Document:
        names = ("web", "worker")
        rows = [{"process": name, "release": NEW, "active": True, "restarts": 0} for name in names]
        return {"live": NEW, "listen": ":0", "instances": rows}


class LocalSession(Session):
    def transports(self) -> list[Transport]:
        self.site = Running(Host(name="local"))
        return [self.site]


def test_a_plan_of_stop_names_the_processes_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    session = LocalSession(project, Environment("local"), Console(), Options(plan=True))
    assert stop(session) == 0
    assert capsys.readouterr().out == "stop           local: stop web, worker\n"
    assert session.site.host.calls == ["status"]
