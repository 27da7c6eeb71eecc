"""What a person reads on a host without the right Python."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.base.hints import by_hand
from django_deploykit.runtime.provision.pythons import is_packaged, python_problem
from tests.unit.runtime.base.test_hints import BUNDLE


def test_the_right_python_is_no_problem() -> None:
    assert python_problem("3.11", lambda _: "/usr/bin/python3.11", lambda _: False) == ""


def test_a_package_that_the_system_has_is_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    text = python_problem("3.13", lambda _: "", lambda name: name == "python3.13")
    assert text.endswith("this host has no python3.13; install it: apt-get install python3.13")


def test_a_package_that_the_system_lacks_is_not_recommended() -> None:
    def find(version: str) -> str:
        return "/usr/bin/python3.11" if version == "3.11" else ""

    text = python_problem("3.13", find, lambda _: False)
    assert "apt-get" not in text
    assert text.endswith("; build the bundle with `manage.py bundle --python X.Y` for 3.11")
    with by_hand(BUNDLE):
        assert "; ask for a bundle that was built with" in python_problem(
            "3.13", find, lambda _: False
        )


def test_a_host_without_any_python_of_ours_gets_no_advice_that_fails() -> None:
    text = python_problem("3.13", lambda _: "", lambda _: False)
    assert text == (
        "the bundle needs Python 3.13, and this host has no python3.13 and no package of that name"
    )


def test_a_package_that_does_not_exist_is_not_packaged() -> None:
    assert not is_packaged("no-such-python9.99")
