"""A release's end, the status and the history in words."""

from __future__ import annotations

import pytest

from django_deploykit.management.summary import Ending, columns, history_line, status_lines, summary
from django_deploykit.release.outcome import Outcome
from django_deploykit.runtime.base.errors import HALF_DONE, LIVE, REFUSED, TAKEN_BACK
from django_deploykit.runtime.wire.facts import LockOwner
from django_deploykit.runtime.wire.journal import JournalRecord
from django_deploykit.runtime.wire.operating import CommandStatus, HostStatus, InstanceStatus

OLD, NEW = "20261120T041500-929a762", "20261123T041500-ab12cd3"


def words(outcome: Outcome, ending: Ending) -> list[str]:
    return [line for line, _ in summary(outcome, ending)]


def test_a_release_says_where_what_how_much_how_long_and_the_way_back() -> None:
    outcome = Outcome(
        NEW,
        live={"web1": NEW, "web2": NEW},
        before={"web1": OLD, "web2": OLD},
        back={"web1": OLD, "web2": OLD},
        bytes={"web1": 1024, "web2": 2048},
        seconds={"send": 0.5, "check": 1.25, "lock": 0.01},
        migrated=["web1: default"],
    )
    ending = Ending(
        "production", 4.21, 1 << 20, "", ["1 commit since 929a762:", "  + ab12cd3 Greet"]
    )
    assert words(outcome, ending) == [
        f"{NEW} is live on production, 2 hosts",
        "  host  live now                 before                   sent",
        f"  web1  {NEW}  {OLD}  1.0 KiB",
        f"  web2  {NEW}  {OLD}  2.0 KiB",
        "  1 commit since 929a762:",
        "    + ab12cd3 Greet",
        "  sent 3.0 KiB; the bundle has 1.0 MiB",
        "  migrated web1: default",
        "  took 4.2 s (most of it: check 1.2, send 0.5)",
        "  to go back: manage.py release production rollback",
    ]


@pytest.mark.parametrize(
    ("back", "shown"),
    [({"web1": OLD, "web2": None}, False), ({"web1": OLD, "web2": OLD}, True), ({}, False)],
)
def test_a_way_back_is_only_shown_if_every_host_has_one(
    back: dict[str, str | None], shown: bool
) -> None:
    outcome = Outcome(
        NEW, live={"web1": NEW, "web2": NEW}, before={"web1": OLD, "web2": None}, back=back
    )
    lines = words(outcome, Ending("production", 1.0))
    assert ("  to go back: manage.py release production rollback" in lines) is shown


@pytest.mark.parametrize(
    ("before", "last"),
    [
        ({"web1": NEW, "web2": NEW}, f"  to undo this: manage.py release rollback {NEW}"),
        ({"web1": NEW, "web2": OLD}, f"  to undo this: manage.py release rollback {NEW}"),
        ({"web1": NEW, "web2": "20261122T041500-0123456"}, "  took 1.0 s"),
        ({"web1": NEW, "web2": None}, "  took 1.0 s"),
    ],
)
def test_a_rollback_is_undone_by_the_release_that_it_left(
    before: dict[str, str | None], last: str
) -> None:
    outcome = Outcome(OLD, live={"web1": OLD, "web2": OLD}, before=before, back={"web1": OLD})
    assert words(outcome, Ending("local", 1.0, action="rollback"))[-1] == last


def test_a_first_release_has_no_way_back_and_a_url() -> None:
    outcome = Outcome(NEW, live={"local": NEW}, before={"local": None})
    lines = words(outcome, Ending("local", 1.0, 0, "http://127.0.0.1:8000/"))
    assert lines[-1] == "  http://127.0.0.1:8000/"
    assert lines[2].split() == ["local", NEW, "nothing"]


def test_a_site_that_no_browser_here_can_open_says_where_it_answers() -> None:
    outcome = Outcome(NEW, live={"local": NEW}, before={"local": None})
    lines = words(outcome, Ending("local", 1.0, elsewhere="it answers on 127.0.0.1:8000"))
    assert lines[-1] == "  it answers on 127.0.0.1:8000"


def test_what_the_hosts_checks_warn_of_is_told_once() -> None:
    finding = {
        "id": "deploykit.W203",
        "level": "WARNING",
        "message": "ALLOWED_HOSTS has only localhost",
        "hint": "Add the site's real name.",
        "path": "shop/settings.py",
        "line": 12,
    }
    others = [{"id": f"W{n}", "level": "warning", "message": "m"} for n in range(6)]
    outcome = Outcome(NEW, live={"web1": NEW, "web2": NEW})
    outcome.findings = [{"host": host, **finding} for host in ("web1", "web2")]
    outcome.findings += [*others, {"id": "I818", "level": "info", "message": "quiet"}]
    lines = words(outcome, Ending("production", 1.0))
    told = "shop/settings.py:12: ALLOWED_HOSTS has only localhost (Add the site's real name.)"
    assert lines.count(f"  warning: deploykit.W203: {told}") == 1
    assert "  and 2 more warnings" in lines
    assert not any("quiet" in line for line in lines)


@pytest.mark.parametrize("code", [LIVE, TAKEN_BACK])
def test_what_the_hosts_warn_of_is_told_however_it_ended(code: int) -> None:
    outcome = Outcome(NEW, code, live={"web1": NEW}, warnings=["web1: worker was killed"])
    assert "  warning: web1: worker was killed" in words(outcome, Ending("production", 1.0))


def test_a_failure_says_what_is_live_and_leaves_why_to_the_error() -> None:
    outcome = Outcome(
        NEW,
        TAKEN_BACK,
        live={"web1": OLD, "web2": OLD},
        before={"web1": OLD, "web2": OLD},
        errors={"web2": "GET / answered 500\nIts last lines:\n  boom"},
    )
    lines = words(outcome, Ending("production", 2.0, 0, "http://example.org/"))
    assert lines[0] == f"{NEW} failed and was taken back"
    assert lines[2].split() == ["web1", OLD, "the", "same"]
    assert not any("answered 500" in line for line in lines)
    assert not any("example.org" in line or "rollback" in line for line in lines)


def test_half_done_says_what_is_unknown_and_what_to_do() -> None:
    outcome = Outcome(
        NEW,
        HALF_DONE,
        live={"web1": NEW, "web2": None},
        before={"web1": OLD, "web2": OLD},
        errors={"web2": "the connection was lost"},
    )
    lines = words(outcome, Ending("production", 2.0))
    assert lines[0] == f"{NEW} failed and was not wholly taken back"
    assert lines[3].split() == ["web2", "unknown", OLD]
    assert "release production status" in lines[-1]


def test_what_is_said_of_many_hosts_stays_on_a_line() -> None:
    hosts = [f"deploy@web{n}.example.com" for n in range(20)]
    outcome = Outcome(
        NEW,
        TAKEN_BACK,
        live=dict.fromkeys(hosts, OLD),
        before=dict.fromkeys(hosts, OLD),
        errors={hosts[3]: "it is not healthy: " + "long " * 40},
        migrated=[f"{host}: default" for host in hosts],
    )
    lines = words(outcome, Ending("production", 1.0))
    assert "  migrated 20 databases" in lines
    assert max(len(line) for line in lines) <= 80


def test_no_line_of_an_ordinary_summary_is_wider_than_80_columns() -> None:
    host = "web1.example.com"
    outcome = Outcome(
        NEW,
        live={host: NEW},
        before={host: OLD},
        bytes={host: 1023 << 10},
        seconds=dict.fromkeys(("collectstatic", "migrate", "switch", "check"), 100.0),
    )
    ending = Ending("production", 1000.0, 1 << 29, "")
    assert max(len(line) for line in words(outcome, ending)) <= 80


def test_columns_without_content_are_left_out() -> None:
    assert columns([("a", "b", "c"), ("1", "", "3")]) == ["a  c", "1  3"]


def test_status_names_drift_locks_and_processes_that_do_not_run() -> None:
    row = HostStatus(
        live=NEW,
        listen="127.0.0.1:8000",
        answers=True,
        instances=(InstanceStatus(NEW, "web", active=False, restarts=3),),
        staged=(OLD, NEW),
        interrupted=True,
        lock=LockOwner("ann@laptop", "releasing"),
        changed=("app/shop/views.py",),
        drift=("shop.socket is not as setup wrote it",),
        warnings=("/etc/shop/shop.env has the mode 0644",),
    )
    assert status_lines("web1", row) == [
        f"web1: {NEW} is live on 127.0.0.1:8000",
        f"  web of {NEW} does not run, restarted 3 times",
        f"  staged too: {OLD}",
        "  a switch was interrupted; the next release settles it",
        "  locked by ann@laptop: releasing",
        "  drift: app/shop/views.py was changed by hand",
        "  drift: shop.socket is not as setup wrote it",
        "  warning: /etc/shop/shop.env has the mode 0644",
    ]


def test_status_says_what_answers_now() -> None:
    row = HostStatus(NEW, "127.0.0.1:8000", answers=False, problem="no web process runs")
    assert status_lines("web1", row) == [
        f"web1: {NEW} does not answer on 127.0.0.1:8000: no web process runs"
    ]
    row = HostStatus(None, "127.0.0.1:8000", problem="nothing is live")
    assert status_lines("web1", row) == ["web1: nothing is live on 127.0.0.1:8000"]


def test_status_names_commands_that_run() -> None:
    commands = (CommandStatus("0123", NEW, "migrate", 1e9),)
    row = HostStatus(NEW, "127.0.0.1:8000", answers=True, commands=commands)
    line = f"  `migrate` of {NEW} runs since 2001-09-09 01:46:40 UTC; its ID for `cancel` is 0123"
    assert status_lines("web1", row)[1:] == [line]


def test_history_has_one_line_for_each_record() -> None:
    record = JournalRecord("release", NEW, "failed", why="a\nb")
    assert history_line(record) == f"1970-01-01 00:00:00  release   {NEW}  failed  by ?: a"
    record = JournalRecord("release", NEW, "failed", why="a\nb", databases="shop.0002_x applied")
    assert history_line(record).endswith("by ?: a; in the database: shop.0002_x applied")


def test_a_refused_switch_says_that_nothing_was_switched() -> None:
    outcome = Outcome(OLD, REFUSED, live={"web1": NEW}, before={"web1": NEW})
    lines = words(outcome, Ending("production", 1.0, action="rollback"))
    assert lines[0] == f"{OLD} was refused; nothing was switched"


def test_a_first_release_that_fails_says_that_nothing_serves() -> None:
    outcome = Outcome(
        NEW, TAKEN_BACK, live={"web1": None}, before={"web1": None}, migrated=["web1: default"]
    )
    lines = words(outcome, Ending("production", 1.0))
    assert "  the migrations stay applied" in lines
    assert lines[-1].startswith("  nothing serves yet")
    outcome.live = {"web1": OLD}
    lines = words(outcome, Ending("production", 1.0))
    assert lines[-1] == "  the migrations stay applied; the release that serves ran on them"


def test_the_time_of_the_build_is_told_with_the_rest() -> None:
    outcome = Outcome(NEW, live={"web1": NEW}, seconds={"send": 0.5})
    lines = words(outcome, Ending("production", 9.0, built=7.25))
    assert "  took 9.0 s (most of it: build 7.2, send 0.5)" in lines


def test_a_time_that_no_calendar_has_is_unknown() -> None:
    """The host says it, and may say anything."""
    record = JournalRecord("release", "a", "live", time=9e18)
    assert history_line(record).startswith("an unknown time  release")
    command = CommandStatus("x", "a", "migrate", since=-9e18)
    lines = status_lines("web1", HostStatus(None, "127.0.0.1:8000", commands=(command,)))
    assert "runs since an unknown time" in "\n".join(lines)
