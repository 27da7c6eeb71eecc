"""The journal: history that survives power cuts, and where a rollback goes."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.wire.journal import (
    JournalRecord,
    append,
    append_or_warn,
    journal_size,
    last_good,
    read_journal,
    successes,
)


def live(release: str, action: str = "release", before: str | None = None) -> JournalRecord:
    return JournalRecord(action, release, "live", before=before)


def failed(release: str) -> JournalRecord:
    return JournalRecord("release", release, "failed")


def test_a_record_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "journal.jsonl"
    assert append_or_warn(path, failed("1"), lambda event: said.append(str(event)))
    assert (len(read_journal(path)), said) == (1, [])
    path.unlink()
    path.mkdir()  # not even root can write there
    assert not append_or_warn(path, failed("1"), lambda event: said.append(str(event)))
    assert said[0].startswith(f"warning: {path} cannot be written: ")


def test_keeps_records_in_order_with_their_time(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, live("a"))
    append(path, live("b", before="a"))
    first, second = read_journal(path)
    assert (first.release, second.release) == ("a", "b")
    assert 0 < first.time <= second.time
    assert replace(second, time=0) == live("b", before="a")


def test_only_records_since_a_place_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert journal_size(path) == 0
    append(path, live("a"))
    place = journal_size(path)
    assert read_journal(path, place) == []
    append(path, live("b"))
    assert [one.release for one in read_journal(path, place)] == ["b"]
    assert [one.release for one in read_journal(path, 0)] == ["a", "b"]
    assert read_journal(path, 1 << 40) == []


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_journal_that_is_not_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "journal.jsonl", tmp_path / "other"
    other.write_text("kept")
    if kind == "link":
        path.symlink_to(other)
    else:
        os.mkfifo(path)
    for use in (lambda: append(path, live("a")), lambda: read_journal(path)):
        with pytest.raises(OSError, match=r"is a link|not a regular file"):
            use()
    assert other.read_text() == "kept"


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none") == []


def test_half_a_line_costs_one_record_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, live("a"))
    with path.open("ab") as file:
        file.write(b'{"action": "rele')
    append(path, live("b"))
    assert [record.release for record in read_journal(path)] == ["a", "b"]


def test_lines_that_are_no_records_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(
        b'[1]\n7\n\xff\xfe\n{"release": "a"}\n'
        b'{"action": "release", "release": "a", "result": "live"}\n'
    )
    assert read_journal(path) == [live("a")]


def test_reads_what_a_newer_version_wrote(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"action": "release", "release": "a", "result": "live", "mood": "good"}\n')
    assert read_journal(path) == [live("a")]


def test_writers_at_once_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def write(number: int) -> None:
        for count in range(20):
            append(path, JournalRecord("release", f"{number}-{count}", "failed", why="x" * 500))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record.release for record in read_journal(path)}) == 80


def test_successes_are_each_named_once_by_their_last_time() -> None:
    records = [
        live("a"),
        failed("x"),
        live("b"),
        live("a", "rollback"),
        JournalRecord("migrate", "m", "done"),
    ]
    assert successes(records) == ["b", "a"]


def test_a_rollback_goes_to_what_was_live_before() -> None:
    assert last_good([live("a"), live("b")], "b", ["a", "b"]) == "a"


def test_a_rollback_passes_over_failed_attempts() -> None:
    assert last_good([live("a"), failed("x"), live("b")], "b", ["a", "b", "x"]) == "a"


def test_a_second_rollback_goes_further_back() -> None:
    records = [live("a"), live("b"), live("c"), live("b", "rollback", before="c")]
    assert last_good(records, "b", ["a", "b", "c"]) == "a"


def test_a_rollback_never_returns_to_what_was_rolled_back_from() -> None:
    records = [live("a"), live("b"), live("a", "rollback", before="b")]
    assert last_good(records, "a", ["a", "b"]) is None


def test_after_a_rollback_and_a_repair_the_bad_release_is_passed_over() -> None:
    records = [live("a"), live("b"), live("a", "rollback", before="b"), live("c")]
    assert last_good(records, "c", ["a", "b", "c"]) == "a"


def test_a_rollback_needs_its_target_on_the_host() -> None:
    records = [live("a"), live("b"), live("c")]
    assert last_good(records, "c", ["a", "c"]) == "a"
    assert last_good(records, "c", ["c"]) is None


def test_where_nothing_is_live_the_last_one_not_rolled_back_from_is_good() -> None:
    records = [live("a"), live("b"), live("a", "rollback", before="b")]
    assert last_good(records, None, ["a", "b"]) == "a"
    assert last_good([], None, ["a"]) is None


def test_a_number_that_is_no_time_leaves_its_record_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, live("a"))
    with path.open("a") as file:
        file.write(
            '{"action": "release", "release": "b", "result": "live", "time": 1%s}\n' % ("0" * 400)
        )
    append(path, live("c"))
    assert [one.release for one in read_journal(path)] == ["a", "c"]


def test_of_a_journal_that_is_larger_than_the_memory_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, live("a"))
    os.truncate(path, 1 << 40)  # with a hole
    append(path, live("b"))
    assert [one.release for one in read_journal(path)] == ["b"]
