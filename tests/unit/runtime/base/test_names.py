"""Names that become part of paths, units and arguments."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.names import (
    PROCESS_NAME,
    helper_path,
    is_number,
    is_older,
    release_in,
    valid_app,
    valid_digest,
    valid_release_id,
)

RELEASE = "20261123T041500-ab12cd3"


@pytest.mark.parametrize("name", ["web", "worker-2", "Web_1", "a" * 64])
def test_processes_have_simple_names(name: str) -> None:
    assert PROCESS_NAME.match(name)


@pytest.mark.parametrize("name", ["", "-web", "_web", "web ", "web\n", "w@b", "wéb", "a" * 65])
def test_no_other_text_is_a_process_name(name: str) -> None:
    assert not PROCESS_NAME.match(name)


@pytest.mark.parametrize("text", ["0", "007", "123456789012345678"])
def test_numbers_are_ones_that_int_reads(text: str) -> None:
    assert is_number(text)
    int(text)


@pytest.mark.parametrize("text", ["", "²", "٣", "-1", "+1", "1 ", "1_0", "9" * 19, "9" * 5000])
def test_other_digits_are_no_numbers(text: str) -> None:
    assert not is_number(text)


def test_a_release_id_is_found_in_a_file_name() -> None:
    assert release_in(f"web-{RELEASE}.log.1") == RELEASE
    assert release_in("web.log") == ""
    assert valid_release_id(RELEASE)
    assert not valid_release_id(f"{RELEASE}\n")


def test_apps_and_digests_are_lower_case() -> None:
    assert valid_app("my-shop")
    assert not valid_app("My-shop")
    assert valid_digest("0" * 64)
    assert not valid_digest("A" * 64)


def test_a_release_is_older_if_its_commit_is_whatever_its_hash() -> None:
    later = "20261124T000000-0000000"
    assert is_older(RELEASE, later)
    assert not is_older(later, RELEASE)
    assert not is_older(RELEASE, "20261123T041500-ffffff0")


def test_the_helper_is_named_for_its_project() -> None:
    assert helper_path("shop", "/libexec") == "/libexec/deploykit-shop"
