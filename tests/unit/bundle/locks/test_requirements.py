"""Requirements files: lines, hashes, indexes, included files."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import Requirement, Wanted
from django_deploykit.bundle.locks.requirements import parse_requirements, read
from django_deploykit.errors import BundleError, Problems

HASH = "sha256:" + "b" * 64


def one(text: str) -> Requirement:
    """Return the only requirement of a file."""
    (found,) = parse_requirements(text, "r.txt").requirements
    return found


def test_joins_lines_drops_comments_and_keeps_line_numbers() -> None:
    text = f"# head\n\nasgiref==3.8 ; python_version < '3.11' \\\n    --hash={HASH} \\\n    --hash sha256:c\n    # via django\n"
    found = one(text)
    assert found.text == "asgiref==3.8 ; python_version < '3.11'"
    assert found.hashes == (HASH, "sha256:c")
    assert found.where == "r.txt:3"


def test_reads_includes_and_indexes_and_ignores_constraints() -> None:
    parsed = parse_requirements(
        "-r base.txt\n--requirement=more.txt\n-c c.txt\n--index-url https://example.org/simple\n--find-links ./vendor\n",
        "r.txt",
    )
    assert parsed.included == ["base.txt", "more.txt"]
    assert parsed.options == ["--index-url https://example.org/simple", "--find-links ./vendor"]
    assert parsed.requirements == []


def test_refuses_editable_requirements_naming_every_line() -> None:
    with pytest.raises(Problems) as caught:
        parse_requirements("-e .\nx==1\n--editable=./y\n", "r.txt")
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "r.txt:1",
        "r.txt:3",
    ]


def test_a_hash_in_a_url_is_a_hash() -> None:
    found = one(f"x @ https://example.org/x-1.whl#sha256={'b' * 64}")
    assert found.hashes == (HASH,)
    assert "#" not in found.text


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def test_reads_the_included_files_once_each(tmp_path: Path) -> None:
    write(tmp_path, all="-r base.txt\n-r more.txt\na==1\n", base="-r more.txt\nb==1\n")
    write(tmp_path, more="--no-index\nc==1\n")
    found = read(tmp_path, "all.txt", Wanted())
    assert found.path == "all.txt"
    assert [(row.text, row.where) for row in found.requirements] == [
        ("a==1", "all.txt:3"),
        ("b==1", "base.txt:2"),
        ("c==1", "more.txt:2"),
    ]
    assert found.options == ("--no-index",)


@pytest.mark.parametrize("name", ["away.txt", "../outside.txt", "link.txt"])
def test_refuses_an_included_file_that_is_not_in_the_commit(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("a==1\n")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    write(folder, all=f"-r {name}\n")
    with pytest.raises(BundleError, match="is included but not in the commit"):
        read(folder, "all.txt", Wanted())


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [(Wanted(groups=("dev",)), "no group 'dev'"), (Wanted(extras=("pg",)), "no extra 'pg'")],
)
def test_there_are_no_groups_or_extras(tmp_path: Path, wanted: Wanted, problem: str) -> None:
    (tmp_path / "requirements.txt").write_text("a==1\n")
    with pytest.raises(BundleError, match=rf"requirements\.txt has {problem}") as caught:
        read(tmp_path, "requirements.txt", wanted)
    assert "Correct `" in caught.value.hint


def test_refuses_what_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_bytes(b"a==1 # \xff\n")
    with pytest.raises(BundleError, match=r"all\.txt is not UTF-8: .* at byte 7"):
        read(tmp_path, "all.txt", Wanted())


def test_folders_of_indexes_are_relative_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "deps").mkdir()
    (tmp_path / "deps" / "base.txt").write_text(
        "-f ./wheels\n--find-links=file:../vendor\n--extra-index-url https://e.org/simple\n"
        "--index-url file:///srv/simple\n--find-links /srv/wheels\n--no-index\na==1\n"
    )
    write(tmp_path, all="-r deps/base.txt\n")
    assert read(tmp_path, "all.txt", Wanted()).options == (
        "-f deps/wheels",
        "--find-links=vendor",
        "--extra-index-url https://e.org/simple",
        "--index-url file:///srv/simple",
        "--find-links /srv/wheels",
        "--no-index",
    )


def test_an_included_file_may_be_anywhere_in_the_repository(tmp_path: Path) -> None:
    write(tmp_path, base="b==1\n")
    web = tmp_path / "web"
    web.mkdir()
    write(web, all="-r ../base.txt\na==1\n")
    found = read(web, "all.txt", Wanted(top=tmp_path))
    assert [row.where for row in found.requirements] == ["all.txt:2", "../base.txt:1"]
