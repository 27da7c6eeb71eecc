"""What identifies the files of a commit, and when git does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.content_ids import content_ids
from django_deploykit.bundle.source import find_commit
from tests.projects import commit, run
from tests.wheels import write_tree


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = write_tree(tmp_path / "top", {"web/manage.py": "a", "web/a/b.css": "b", "other.txt": ""})
    run("git", "init", "-q", cwd=top)
    return top


def ids(top: Path) -> dict[str, str]:
    commit(top)
    return content_ids(find_commit(top / "web", "HEAD")[0])


def test_the_ids_are_those_of_the_projects_files(top: Path) -> None:
    before = ids(top)
    assert set(before) == {"manage.py", "a/b.css"}
    (top / "other.txt").write_text("changed")
    assert ids(top) == before
    (top / "web/manage.py").write_text("new")
    assert {path for path, one in ids(top).items() if one != before[path]} == {"manage.py"}
    (top / "web/a/b.css").chmod(0o755)
    assert ids(top)["a/b.css"].startswith("100755:")


def test_attributes_above_and_below_are_part_of_the_ids(top: Path) -> None:
    before = ids(top)
    (top / ".gitattributes").write_text("*.css text eol=crlf\n")
    between = ids(top)
    assert not set(between.values()) & set(before.values())
    (top / "web/a/.gitattributes").write_text("*.css -text\n")
    assert not set(ids(top).values()) & set(between.values())


@pytest.mark.parametrize(
    ("rule", "identified"),
    [
        ("*.css export-subst", False),
        ("[attr]secret export-ignore", False),
        ("*.css filter=nbstrip", False),
        ("*.css filter=lfs diff=lfs merge=lfs -text", True),
        ("*.css text", True),
    ],
)
def test_content_that_depends_on_more_has_no_ids(rule: str, identified: bool, top: Path) -> None:
    (top / "web/.gitattributes").write_text(f"{rule}\n")
    run("git", "-c", "filter.lfs.clean=cat", "add", "-A", cwd=top)
    assert bool(ids(top)) is identified


def test_links_have_no_ids(top: Path) -> None:
    (top / "web/link.css").symlink_to("a/b.css")
    assert ids(top) == {}
