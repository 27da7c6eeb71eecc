"""Which commit of a repository is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from django_deploykit.bundle.source import Commit, find_commit
from django_deploykit.errors import BundleError, Problems
from tests.projects import commit, run
from tests.unit.bundle.exports import exported, repository
from tests.wheels import write_tree

__all__ = ["repository"]


def test_refuses_modified_files_with_their_list_unless_a_commit_is_named(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "shop/a.txt").write_text("changed")
    (repository / "new name.txt").write_text("staged")
    run("git", "add", "new name.txt", cwd=repository)
    with pytest.raises(Problems) as caught:
        find_commit(repository)
    assert caught.value.problems == ("new name.txt", "shop/a.txt")
    assert "--rev" in caught.value.hint
    assert exported(repository, tmp_path / "out", "HEAD")["shop/a.txt"] == "a\n"


def test_names_untracked_files_and_does_not_export_them(repository: Path, tmp_path: Path) -> None:
    (repository / "notes.txt").write_text("mine")
    (repository / ".gitignore").write_text("*.log\n")
    (repository / "x.log").write_text("")
    _, untracked = find_commit(repository)
    assert untracked == (".gitignore", "notes.txt")
    assert "notes.txt" not in exported(repository, tmp_path / "out")


def test_deleted_and_renamed_files_count_as_modified(repository: Path) -> None:
    run("git", "mv", "shop/a.txt", "shop/b.txt", cwd=repository)
    with pytest.raises(Problems) as caught:
        find_commit(repository)
    assert set(caught.value.problems) == {"shop/a.txt", "shop/b.txt"}


def test_shows_the_first_modified_files(repository: Path) -> None:
    write_tree(repository, {f"many/{number:03}.txt": "" for number in range(50)})
    commit(repository)
    for path in (repository / "many").iterdir():
        path.write_text("changed")
    with pytest.raises(Problems) as caught:
        find_commit(repository)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 30 more"


def test_refuses_where_there_is_no_commit_to_build(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BundleError, match="is not a commit of this repository"):
        find_commit(repository, "--output=/tmp/x")
    with pytest.raises(BundleError, match="'v9' is not a commit"):
        find_commit(repository, "v9")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(BundleError, match="not in a git repository") as none:
        find_commit(empty)
    assert "git init" in none.value.hint
    run("git", "init", "-q", cwd=empty)
    with pytest.raises(BundleError, match="no commits yet"):
        find_commit(empty)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match="git is not installed"):
        find_commit(repository)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a folder away")
def test_shows_gits_message_about_a_repository_of_another_user(repository: Path) -> None:
    run("chown", "-R", "65534", repository)
    with pytest.raises(BundleError, match="dubious ownership"):
        find_commit(repository)


@pytest.mark.parametrize("moment", ["-1", "253402300800", "9223372036854775807", "9" * 20])
def test_a_time_that_no_release_id_can_have_is_refused(
    repository: Path, tmp_path: Path, moment: str
) -> None:
    tree = run("git", "rev-parse", "HEAD^{tree}", cwd=repository).strip()
    text = f"tree {tree}\nauthor a <a@b> {moment} +0000\ncommitter a <a@b> {moment} +0000\n\nx\n"
    (tmp_path / "commit").write_text(text)
    words = ("hash-object", "-t", "commit", "-w", "--literally", str(tmp_path / "commit"))
    sha = run("git", *words, cwd=repository).strip()
    with pytest.raises(BundleError, match=f"the time of commit {sha[:12]} is .*up to 9999"):
        find_commit(repository, sha)


def test_the_last_second_is_a_time() -> None:
    last = Commit(Path(), "", "ab12cd3" + "0" * 33, 253_402_300_799, "")
    assert last.release_id == "99991231T235959-ab12cd3"
