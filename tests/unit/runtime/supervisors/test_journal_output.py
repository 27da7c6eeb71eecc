"""What journalctl prints as JSON."""

from __future__ import annotations

import json

from django_deploykit.runtime.supervisors.journal_output import parse_entries
from django_deploykit.runtime.wire.logs import LogLine

UNITS = {"shop-web@r1.service": ("web", "r1"), "shop-worker@r2.service": ("worker", "r2")}


def entry(moment: int, **fields: object) -> str:
    return json.dumps(
        {"__REALTIME_TIMESTAMP": str(moment), "__CURSOR": f"s=1;t={moment}", **fields}
    )


def test_entries_become_lines_of_processes() -> None:
    text = "\n".join(
        [
            entry(3_000_000, MESSAGE="ready", _SYSTEMD_UNIT="shop-web@r1.service"),
            entry(
                2_500_000,
                MESSAGE="Started.",
                _SYSTEMD_UNIT="init.scope",
                UNIT="shop-web@r1.service",
            ),
            entry(2_000_000, MESSAGE="one\ntwo", _SYSTEMD_UNIT="shop-worker@r2.service"),
            "",
        ]
    )
    found, cursor = parse_entries(text, UNITS.get)
    assert found == [
        LogLine("ready", "web", "r1", 3.0),
        LogLine("Started.", "web", "r1", 2.5),
        LogLine("one", "worker", "r2", 2.0),
        LogLine("two", "worker", "r2", 2.0),
    ]
    assert cursor == "s=1;t=3000000"  # the newest, in either order
    backwards = "\n".join(reversed(text.strip().split("\n")))
    assert parse_entries(backwards, UNITS.get)[1] == cursor


def test_messages_that_are_no_text() -> None:
    web = {"_SYSTEMD_UNIT": "shop-web@r1.service"}
    rows = [
        entry(1, MESSAGE=list(b"caf\xe9 \x1b[1m"), **web),  # bytes that are not UTF-8
        entry(1, MESSAGE=["first", "last"], **web),  # the field was there twice
        entry(1, MESSAGE=None, **web),
        entry(1, **web),
        entry(1, MESSAGE="a\u2028b", **web),  # a line for Python, not for a log
    ]
    found, _ = parse_entries("\n".join(rows), UNITS.get)
    assert [line.text for line in found] == ["caf\ufffd \x1b[1m", "last", "", "", "a\u2028b"]


def test_what_is_no_entry_of_the_site_is_passed_over() -> None:
    rows = ["-- No entries --", "[1]", "{", entry(1, MESSAGE="x", _SYSTEMD_UNIT="ssh.service")]
    assert parse_entries("\n".join(rows), UNITS.get) == ([], "")


def test_an_entry_without_a_time_is_old() -> None:
    row = json.dumps({"MESSAGE": "x", "UNIT": "shop-web@r1.service", "__REALTIME_TIMESTAMP": "²"})
    assert parse_entries(row, UNITS.get)[0] == [LogLine("x", "web", "r1", 0.0)]
