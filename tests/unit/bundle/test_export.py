"""What is exported of a repository: the commit, and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from django_deploykit.bundle.export import _borrowed, _run, bring, export
from django_deploykit.bundle.source import find_commit
from django_deploykit.errors import BundleError, Problems
from tests.projects import commit, run
from tests.unit.bundle.exports import exported, repository
from tests.wheels import write_tree

__all__ = ["repository"]


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


def notes_of(root: Path, target: Path) -> tuple[str, ...]:
    """Export a project and return the notes."""
    return export(find_commit(root)[0], target)


def test_names_what_export_ignore_leaves_out(repository: Path, tmp_path: Path) -> None:
    assert notes_of(repository, tmp_path / "all") == ()
    (repository / ".gitattributes").write_text("shop/** export-ignore\n")
    commit(repository)
    assert notes_of(repository, tmp_path / "out") == ("left out by export-ignore: shop/a.txt",)


def test_what_only_a_clone_has_changes_no_byte(repository: Path, tmp_path: Path) -> None:
    """Its own attributes and filters, replaced objects, and grafts."""
    before = exported(repository, tmp_path / "before")
    old = run("git", "rev-parse", "HEAD", cwd=repository).strip()
    (repository / "shop/a.txt").write_text("replaced\n")
    run("git", "replace", old, commit(repository), cwd=repository)
    run("git", "reset", "-q", "--hard", old, cwd=repository)
    info = repository / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("*.txt filter=loud\nmanage.py export-ignore\n")
    run("git", "config", "filter.loud.smudge", "tr a-z A-Z", cwd=repository)
    assert exported(repository, tmp_path / "after", old) == before
    found, _ = find_commit(repository, old)
    plain = run("git", "--no-replace-objects", "rev-parse", f"{old}^{{tree}}", cwd=repository)
    assert found.tree == plain.strip()


@pytest.mark.parametrize("smudge", ["", "cat"])
def test_names_files_with_a_filter_that_changes_nothing_here(
    smudge: str, repository: Path, tmp_path: Path
) -> None:
    (repository / ".gitattributes").write_text("*.ipynb filter=strip\n")
    (repository / "book.ipynb").write_text("{}\n")
    commit(repository)
    if smudge:
        run("git", "config", "filter.strip.smudge", smudge, cwd=repository)
    (note,) = notes_of(repository, tmp_path / "out")
    assert note == "bundled as committed, without the filter strip: book.ipynb"


@pytest.mark.parametrize("configured", [True, False])
def test_refuses_files_whose_content_the_commit_does_not_have(
    configured: bool, repository: Path, tmp_path: Path
) -> None:
    (repository / ".gitattributes").write_text("*.key filter=crypt\n")
    (repository / "a.key").write_bytes(b"text" if configured else b"\0GITCRYPT\0...")
    commit(repository)
    if configured:
        run("git", "config", "filter.crypt.smudge", "tr a b", cwd=repository)
    with pytest.raises(Problems, match="a filter changes these files") as caught:
        notes_of(repository, tmp_path / "out")
    assert caught.value.problems == ("a.key: filter=crypt",)


def test_refuses_lfs_pointers_without_their_files(repository: Path, tmp_path: Path) -> None:
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 3\n"
    (repository / "shop/logo.png").write_text(text)
    commit(repository)
    with pytest.raises(Problems) as caught:
        notes_of(repository, tmp_path / "out")
    assert caught.value.problems == ("shop/logo.png",)


def test_exports_a_repository_with_sha256_objects(tmp_path: Path) -> None:
    top = write_tree(
        tmp_path / "top",
        {"manage.py": "", ".gitattributes": "v.txt export-subst\n", "v.txt": "$Format:%H$"},
    )
    run("git", "init", "-q", "--object-format=sha256", cwd=top)
    sha = commit(top)
    assert len(sha) == 64
    assert exported(top, tmp_path / "out")["v.txt"] == sha


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    """Return a repository with a project in ``web/`` and more beside it."""
    top = write_tree(
        tmp_path / "top", {"web/manage.py": "", "libs/a.txt": "a\n", "other/b.txt": "b\n"}
    )
    (top / "web" / "a.txt").symlink_to("../libs/a.txt")
    run("git", "init", "-q", cwd=top)
    commit(top)
    return top


def test_the_target_of_a_link_beside_the_project_comes_along(
    monorepo: Path, tmp_path: Path
) -> None:
    assert exported(monorepo / "web", tmp_path / "out") == {"manage.py": "", "a.txt": "a\n"}
    assert not (tmp_path / "out" / "other").exists()


def test_brings_other_parts_of_the_repository_once(monorepo: Path, tmp_path: Path) -> None:
    found, _ = find_commit(monorepo / "web")
    export(found, tmp_path / "out")
    (tmp_path / "out" / "web" / "manage.py").write_text("changed")
    bring(found, ["other", "nowhere"], tmp_path / "out")
    assert (tmp_path / "out" / "other" / "b.txt").read_text() == "b\n"
    bring(found, [""], tmp_path / "out")
    assert (tmp_path / "out" / "web" / "manage.py").read_text() == "changed"
    assert (tmp_path / "out" / "libs" / "a.txt").is_file()


def test_a_failure_of_git_is_not_an_empty_answer(repository: Path) -> None:
    sha = find_commit(repository)[0].sha
    with _borrowed(repository, sha) as env:
        assert _run(env, "grep", "-l", "-z", "nothing like it", sha) == [""]
        with pytest.raises(BundleError, match="git read-tree failed: .*" + "0" * 40):
            _run(env, "read-tree", "0" * 40)
