"""Package indexes as options for uv."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.locks.indexes import (
    Index,
    index_arguments,
    index_options,
    is_argument,
)

CORP = "https://corp.example.com/simple"


@pytest.mark.parametrize(
    ("index", "option"),
    [
        (Index("corp", CORP), f"--index corp={CORP}"),
        (Index("corp", CORP, default=True), f"--default-index corp={CORP}"),
        (Index("", CORP), f"--index {CORP}"),
        (Index("a b=c", CORP), f"--index {CORP}"),
        (Index("corp", "http://[::1]:80/simple"), "--index corp=http://[::1]:80/simple"),
    ],
)
def test_an_index_is_named_so_that_its_variables_work(index: Index, option: str) -> None:
    assert index_options([index]) == (option,)
    assert is_argument(option)


@pytest.mark.parametrize(
    "url", ["https://ann:secret@corp.example.com/x", "https://${USER}:${PASS}@corp.example.com/x"]
)
def test_a_url_with_a_password_is_no_argument(url: str) -> None:
    options = index_options([Index("corp", url), Index("main", url, default=True)])
    assert options == (f"--extra-index-url {url}", f"--index-url {url}")
    assert index_arguments(options) == []


def test_the_public_index_is_where_the_machine_says() -> None:
    rows = [Index("pypi", "https://pypi.org/simple/", default=True), Index("corp", CORP)]
    assert index_options(rows) == (f"--index corp={CORP}",)


def test_a_malformed_url_is_not_the_public_index() -> None:
    assert not Index("corp", "https://[pypi.org/simple").public


def test_the_words_of_arguments_are_separate() -> None:
    assert index_arguments([f"--index corp={CORP}", "--find-links x"]) == [
        "--index",
        f"corp={CORP}",
    ]
