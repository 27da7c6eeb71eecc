"""Which machines a bundle can run on."""

from __future__ import annotations

import os
import re

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.machine import (
    here_glibc,
    here_platform,
    target_problem,
    validate_target,
)

HERE = ("linux-x86_64", "2.36")


@pytest.mark.parametrize(
    ("platform", "glibc"),
    [
        ("any", ""),
        ("any", "9.9"),
        ("linux-x86_64", ""),
        ("linux-x86_64", "2.36"),
        ("linux-x86_64", "2.9"),
    ],
)
def test_bundles_that_run_here(platform: str, glibc: str) -> None:
    assert target_problem(platform, glibc, *HERE) == ""


@pytest.mark.parametrize(
    ("platform", "glibc", "here", "problem"),
    [
        ("linux-aarch64", "", HERE, "is for linux-aarch64; this machine is linux-x86_64"),
        ("linux-x86_64", "2.37", HERE, "glibc 2.37 or newer; this machine has 2.36"),
        ("linux-x86_64", "2.17", ("linux-x86_64", ""), "has another C library"),
    ],
)
def test_bundles_for_other_machines(
    platform: str, glibc: str, here: tuple[str, str], problem: str
) -> None:
    assert problem in target_problem(platform, glibc, *here)


def test_this_machine_is_named_as_in_manifests() -> None:
    assert re.match(r"[a-z]+-[a-z0-9_]+\Z", here_platform())
    assert re.match(r"([0-9]+\.[0-9]+)?\Z", here_glibc())
    validate_target(here_platform(), here_glibc())


@pytest.mark.parametrize(
    ("machine", "name"), [("arm64", "aarch64"), ("amd64", "x86_64"), ("s390x", "s390x")]
)
def test_machines_have_one_name(monkeypatch: pytest.MonkeyPatch, machine: str, name: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "h", "6", "1", machine)))
    assert here_platform() == f"linux-{name}"


def test_a_machine_without_glibc_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def confstr(name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", confstr)
    assert here_glibc() == ""


def test_another_machine_is_refused() -> None:
    with pytest.raises(DeployKitError) as caught:
        validate_target("plan9-mips", "")
    assert "--platform" in caught.value.hint
