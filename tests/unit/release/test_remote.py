"""A host behind a transport, as the stages use it."""

from __future__ import annotations

from django_deploykit.release.remote import RemoteHost
from django_deploykit.runtime.wire.events import Activity, OutputLine
from tests.unit.release.fakes import NEW, OLD, FakeTransport, Host
from tests.unit.release.fleets import PENDING


def test_calls_the_verb_of_each_question() -> None:
    host = Host(report=PENDING, kin={"same": True})
    remote = RemoteHost(FakeTransport(host), "ann@laptop", lambda _: None)
    assert remote.name == "web1"
    assert remote.settle() == OLD
    assert remote.check(NEW).report.migrations[0].database == "default"
    assert remote.kin(NEW).same
    assert host.calls == ["settle", "check", "kin"]


def test_migrating_shows_the_lines_that_the_project_prints() -> None:
    events = [Activity("migrate"), OutputLine("Applying shop.0002_note... OK")]
    host, notes = Host(tells={"migrate": events}), list[str]()
    RemoteHost(FakeTransport(host), "ann@laptop", notes.append).migrate(NEW, ["default"])
    assert host.migrated == ["default"]
    assert notes == ["  Applying shop.0002_note... OK"]


def test_a_first_release_shows_a_line_for_each_app() -> None:
    lines = [
        "Running migrations:",
        "  Applying auth.0001_initial... OK",
        "  Applying shop.0001_initial... OK",
        "  Applying auth.0002_alter_user... OK",
        "three elephants were born",
        "  Applying shop.0002_note...Traceback",
    ]
    host, notes = Host(tells={"migrate": [OutputLine(line) for line in lines]}), list[str]()
    RemoteHost(FakeTransport(host), "ann@laptop", notes.append, True).migrate(NEW, ["default"])
    assert notes == [
        "  Running migrations:",
        "  three elephants were born",
        "    Applying shop.0002_note...Traceback",
        "    auth: 2 applied",
        "    shop: 1 applied",
    ]


def test_uploading_shows_the_lines_that_collectstatic_prints() -> None:
    events = [Activity("upload"), OutputLine("3 static files copied.")]
    host, notes = Host(staged={NEW}, tells={"upload": events}), list[str]()
    RemoteHost(FakeTransport(host), "ann@laptop", notes.append).upload(NEW)
    assert (host.calls, notes) == (["upload"], ["  3 static files copied."])
