"""What is exported of a repository: the commit, and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from django_deploykit.bundle.source import export, find_commit
from django_deploykit.errors import BundleError, Problems
from tests.projects import commit, run
from tests.wheels import write_tree


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of one commit."""
    top = write_tree(tmp_path / "top", {"manage.py": "", "shop/a.txt": "a\n"})
    run("git", "init", "-q", "-b", "main", cwd=top)
    commit(top)
    return top


def exported(root: Path, target: Path, rev: str = "") -> dict[str, str]:
    """Export a project and return its files."""
    found, _ = find_commit(root, rev)
    export(found, target)
    return {
        str(path.relative_to(target)): path.read_text()
        for path in target.rglob("*")
        if path.is_file()
    }


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


def test_exports_submodules_at_their_recorded_commits(repository: Path, tmp_path: Path) -> None:
    inner = write_tree(tmp_path / "inner", {"one.txt": "old\n"})
    run("git", "init", "-q", cwd=inner)
    commit(inner)
    words = ("git", "-c", "protocol.file.allow=always", "submodule", "add", "-q")
    run(*words, f"file://{inner}", "lib/inner", cwd=repository)
    commit(repository)
    (inner / "one.txt").write_text("new\n")
    commit(inner)
    assert exported(repository, tmp_path / "out")["lib/inner/one.txt"] == "old\n"
    # Moved to a newer commit that is not recorded, the working copy differs.
    run("git", "fetch", "-q", cwd=repository / "lib/inner")
    run("git", "checkout", "-q", "FETCH_HEAD", cwd=repository / "lib/inner")
    with pytest.raises(Problems) as caught:
        find_commit(repository)
    assert caught.value.problems == ("lib/inner",)
    clone = tmp_path / "clone"
    run("git", "clone", "-q", f"file://{repository}", clone)
    with pytest.raises(BundleError, match="submodule lib/inner") as missing:
        exported(clone, tmp_path / "out2")
    assert "git submodule update" in missing.value.hint


def test_exports_only_the_projects_folder_of_its_repository(tmp_path: Path) -> None:
    top = write_tree(
        tmp_path / "top",
        {
            "README": "",
            "site/manage.py": "",
            "site/.gitattributes": "",
            "site/x.txt": "$Format:%h$",
            "site/secret.txt": "",
            ".gitattributes": "site/secret.txt export-ignore\nsite/x.txt export-subst\n",
        },
    )
    run("git", "init", "-q", cwd=top)
    sha = commit(top)
    (top / "README").write_text("changed elsewhere")
    files = exported(top / "site", tmp_path / "out")
    assert sorted(files) == [".gitattributes", "manage.py", "x.txt"]
    assert files["x.txt"] == sha[:12]


def test_branches_and_tags_of_a_clone_are_not_filled_in(repository: Path, tmp_path: Path) -> None:
    (repository / ".gitattributes").write_text("v.txt export-subst\n")
    (repository / "v.txt").write_text("$Format:%H %d %(describe) %ad$\n")
    sha = commit(repository)
    run("git", "tag", "v1", cwd=repository)
    text = exported(repository, tmp_path / "out")["v.txt"]
    assert sha in text
    assert "v1" not in text
    assert "main" not in text


def test_keeps_execute_bits_and_no_other_mode(repository: Path, tmp_path: Path) -> None:
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o700)
    commit(repository)
    before = os.umask(0o077)
    try:
        exported(repository, tmp_path / "out")
    finally:
        os.umask(before)
    modes = [
        stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) for name in ("run.sh", "manage.py")
    ]
    assert modes == [0o755, 0o644]


def test_links_within_the_project_become_copies(repository: Path, tmp_path: Path) -> None:
    (repository / "shop/link.txt").symlink_to("a.txt")
    (repository / "again.txt").symlink_to("shop/link.txt")
    (repository / "folder").symlink_to("shop")
    commit(repository)
    files = exported(repository, tmp_path / "out")
    for name in ("shop/link.txt", "again.txt", "folder/a.txt", "folder/link.txt"):
        assert files[name] == "a\n"
        assert not (tmp_path / "out" / name).is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "nowhere", "..", "loop", "."])
def test_refuses_links_that_leave_the_commit_are_broken_or_contain_themselves(
    repository: Path, tmp_path: Path, target: str
) -> None:
    (repository / "shop" / "loop").symlink_to(target)
    commit(repository)
    with pytest.raises(Problems) as caught:
        exported(repository, tmp_path / "out")
    assert caught.value.problems == (f"shop/loop -> {target}",)


def test_a_hook_of_git_may_bundle(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    assert "shop/a.txt" in exported(repository, tmp_path / "out")


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
