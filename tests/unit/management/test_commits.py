"""The commits between two releases."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.management.commits import brought, commit_lines, cut
from tests.projects import commit, run


def release(sha: str) -> str:
    return f"20261123T041500-{sha[:7]}"


def test_shows_new_and_missing_commits(tmp_path: Path) -> None:
    run("git", "init", "-q", "-b", "main", cwd=tmp_path)
    first = commit(tmp_path, "Open")
    second = commit(tmp_path, "Greet")
    assert brought(tmp_path, release(first), release(second)) == [
        f"1 commit since {first[:7]}:",
        f"  + {second[:7]} Greet",
    ]
    assert brought(tmp_path, release(second), release(first)) == [
        f"1 commit fewer than {second[:7]}:",
        f"  - {second[:7]} Greet",
    ]
    assert brought(tmp_path, release(second), release(second)) == []


def test_says_nothing_where_git_does_not_know_both(tmp_path: Path) -> None:
    assert brought(tmp_path, release("0" * 7), release("1" * 7)) == []
    assert brought(tmp_path, None, release("1" * 7)) == []
    assert brought(tmp_path, "x---exec=touch", release("1" * 7)) == []


def test_counts_what_it_does_not_show() -> None:
    lines = commit_lines([f"> {n:07d} Change" for n in range(8)], "ab12cd3")
    assert lines[0] == "8 commits since ab12cd3:"
    assert lines[-1] == "  + and 3 more"
    assert len(lines) == 7


def test_a_subject_moves_no_cursor() -> None:
    assert cut("a\x1b[2Jb\x07\n", 72) == r"a\x1b[2Jb\x07\n"
    assert cut("x" * 100, 10) == "x" * 9 + "…"
