"""Requirements and lock files: what is pinned, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import (
    LockFile,
    Reader,
    Requirement,
    iter_lock_problems,
    read_toml,
)
from django_deploykit.bundle.locks.requirements import parse_requirements
from django_deploykit.errors import BundleError

SHA = "a" * 40
HASH = "sha256:" + "b" * 64


def one(text: str) -> Requirement:
    """Return the only requirement of a file."""
    (found,) = parse_requirements(text, "r.txt").requirements
    return found


def lock(*lines: str) -> LockFile:
    """Return a lock file of these lines."""
    rows = parse_requirements("\n".join(lines), "requirements.txt").requirements
    return LockFile("requirements.txt", tuple(rows))


def problems(*lines: str, allow_unhashed: bool = False) -> list[str]:
    return list(iter_lock_problems(lock(*lines), allow_unhashed=allow_unhashed))


@pytest.mark.parametrize(
    "text",
    [
        "django==5.2",
        "django == 5.2",
        "celery[redis]==5.3",
        "x===1!2.0+local",
        "x==1 ; sys_platform == 'linux'",
        f"x @ git+https://example.org/x@{SHA}",
        f"x @ git+ssh://git@example.org/x.git@{SHA}#subdirectory=y ; python_version > '3'",
        "./packages/x",
        "./vendor/x-1-py3-none-any.whl",
        "vendor/x-1-py3-none-any.whl ; python_version > '3'",
        "x @ file:./packages/x",
        f"x @ https://example.org/x-1.whl#sha256={'b' * 64}",
    ],
)
def test_is_pinned_if_it_can_only_mean_one_content(text: str) -> None:
    assert one(text).pinned


@pytest.mark.parametrize(
    "text",
    [
        "django",
        "django>=5",
        "django~=5.2.0",
        "django==5.*",
        "x @ git+https://example.org/x",
        "x @ git+https://example.org/x@main",
        f"x @ git+https://example.org/x@{SHA[:12]}",
        "x @ https://example.org/x-1-py3-none-any.whl",
        "https://example.org/x.tar.gz",
    ],
)
def test_is_not_pinned_if_its_content_may_change(text: str) -> None:
    assert not one(text).pinned


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Django==5.2", "Django"),
        ("./vendor/my_shop-1.0-py3-none-any.whl", "my_shop"),
        ("./vendor/my.shop-1.0.tar.gz", "my.shop"),
        ("./packages/inner/", "inner"),
        ("x @ file:./packages/y", "x"),
    ],
)
def test_names_the_distribution(text: str, name: str) -> None:
    assert one(text).distribution == name


def test_reports_every_requirement_that_is_not_locked() -> None:
    found = problems("a>=1", "b==1", "c @ git+https://e.org/c@x", "d @ file:///d")
    assert [text.partition(": ")[2] for text in found] == [
        "a>=1 is not pinned to one version",
        "b==1 has no hash",
        "c is not pinned to a full commit (40 digits)",
        "d @ file:///d is on this machine and not in the repository",
    ]


def test_accepts_pinned_requirements_without_hashes_if_that_is_allowed() -> None:
    lines = ("a==1", f"b==1 --hash={HASH}", "./c")
    assert problems(*lines, allow_unhashed=True) == []
    assert len(problems("a>=1", allow_unhashed=True)) == 1


def test_knows_which_requirements_have_hashes() -> None:
    given = lock("a==1", f"b==1 --hash={HASH}", "./c")
    assert [row.text for row in given.hashed] == ["b==1"]
    assert [row.text for row in given.bare] == ["a==1", "./c"]
    assert given.unhashed
    assert not lock(f"b==1 --hash={HASH}", "./c").unhashed


def test_reports_a_lock_file_without_requirements() -> None:
    assert problems("# nothing") == ["requirements.txt contains no requirements"]


@pytest.mark.parametrize(
    "digest", ["sha256:abc", f"sha256:{'g' * 64}", "b" * 64, "sha512:" + "b" * 64]
)
def test_reports_a_hash_that_is_not_one(digest: str) -> None:
    (found,) = problems(f"a==1 --hash={HASH}", f"b==1 --hash={digest}", allow_unhashed=True)
    assert found.startswith("requirements.txt:2: b: ")
    assert digest in found


def test_gives_the_hashes_by_name() -> None:
    given = lock(f"My.Shop==1 --hash={HASH}", "my_shop==2 --hash=sha256:c ; x", "b==1")
    assert given.digests() == {"my-shop": (HASH, "sha256:c"), "b": ()}


def test_a_hint_names_the_file_or_the_usual_one() -> None:
    reader = Reader(lambda *_: LockFile("", ()), "tool {stem}.in -o {name}", "all.lock")
    assert reader.hint() == "Lock the dependencies: tool all.in -o all.lock"
    assert reader.hint("sub/x.lock") == "Lock the dependencies: tool sub/x.in -o sub/x.lock"


def test_reads_toml_and_reports_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("a = 1\n")
    assert read_toml(path) == {"a": 1}
    path.write_text("a = \n")
    with pytest.raises(BundleError, match=r"x\.toml is not TOML"):
        read_toml(path)
