"""Lock files: what they ask for, and what is refused."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.locks.base import (
    Lock,
    Requirement,
    hint_for,
    judge,
    missing_lock,
    parse_requirements,
)
from django_deploykit.errors import Problems

SHA = "a" * 40
HASH = "sha256:" + "b" * 64


def one(text: str) -> Requirement:
    """Return the only requirement of a file."""
    (found,) = parse_requirements(text, "r.txt").requirements
    return found


def test_joins_lines_takes_comments_off_and_remembers_where_a_requirement_stands() -> None:
    text = f"# head\n\nasgiref==3.8 ; python_version < '3.11' \\\n    --hash={HASH} \\\n    --hash sha256:c\n    # via django\n"
    found = one(text)
    assert found.text == "asgiref==3.8 ; python_version < '3.11'"
    assert found.hashes == (HASH, "sha256:c")
    assert found.where == "r.txt:3"


def test_reads_includes_and_indexes_and_leaves_constraints() -> None:
    parsed = parse_requirements(
        "-r base.txt\n--requirement=more.txt\n-c c.txt\n--index-url https://example.org/simple\n--find-links ./vendor\n",
        "r.txt",
    )
    assert parsed.included == ["base.txt", "more.txt"]
    assert parsed.options == ["--index-url https://example.org/simple", "--find-links ./vendor"]
    assert parsed.requirements == []


def test_refuses_editable_requirements_with_every_line() -> None:
    with pytest.raises(Problems) as caught:
        parse_requirements("-e .\nx==1\n--editable=./y\n", "r.txt")
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "r.txt:1",
        "r.txt:3",
    ]


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
def test_takes_what_can_only_mean_one_content_as_pinned(text: str) -> None:
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
def test_takes_what_may_change_as_not_pinned(text: str) -> None:
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
def test_knows_the_distribution_that_a_line_means(text: str, name: str) -> None:
    assert one(text).distribution == name


def test_a_hash_in_a_url_is_a_hash() -> None:
    found = one(f"x @ https://example.org/x-1.whl#sha256={'b' * 64}")
    assert found.hashes == (HASH,)
    assert "#" not in found.text


def lock(*lines: str, path: str = "requirements.txt") -> Lock:
    return Lock(path, tuple(parse_requirements("\n".join(lines), path).requirements))


def test_refuses_everything_that_is_not_locked_at_once_with_the_command() -> None:
    with pytest.raises(Problems) as caught:
        judge(
            lock("a>=1", "b==1", "c @ git+https://e.org/c@x", "d @ file:///d"), allow_unhashed=False
        )
    assert len(caught.value.problems) == 4
    assert "uv pip compile --universal --generate-hashes requirements.in" in caught.value.hint
    assert "allow_unhashed" in caught.value.hint


def test_lets_pinned_requirements_without_hashes_through_where_that_is_allowed() -> None:
    given = lock("a==1", f"b==1 --hash={HASH}", "./c")
    judge(given, allow_unhashed=True)
    assert given.unhashed
    assert [row.text for row in given.hashed] == ["b==1"]
    with pytest.raises(Problems):
        judge(lock("a>=1"), allow_unhashed=True)
    assert not lock(f"b==1 --hash={HASH}", "./c").unhashed


def test_refuses_an_empty_lock() -> None:
    with pytest.raises(Problems, match="asks for nothing"):
        judge(lock("# nothing"), allow_unhashed=True)


def test_each_kind_of_lock_has_its_command() -> None:
    assert hint_for("sub/uv.lock") == "Lock it: uv lock"
    assert "pylock.toml" in hint_for("pylock.toml")
    assert "requirements/production.in -o requirements/production.txt" in hint_for(
        "requirements/production.txt"
    )
    assert missing_lock(["pyproject.toml", "requirements.in"]).endswith("uv lock")
    assert "requirements.in" in missing_lock([])


def test_gives_the_hashes_by_name() -> None:
    given = lock(f"My.Shop==1 --hash={HASH}", "my_shop==2 --hash=sha256:c ; x", "b==1")
    assert given.digests() == {"my-shop": (HASH, "sha256:c"), "b": ()}


@pytest.mark.parametrize(
    "digest", ["sha256:abc", f"sha256:{'g' * 64}", "b" * 64, "sha512:" + "b" * 64]
)
def test_a_hash_that_is_none_is_told_with_its_line(digest: str) -> None:
    with pytest.raises(Problems) as caught:
        judge(lock(f"a==1 --hash={HASH}", f"b==1 --hash={digest}"), allow_unhashed=True)
    (problem,) = caught.value.problems
    assert problem.startswith("requirements.txt:2: b: ")
    assert digest in problem
