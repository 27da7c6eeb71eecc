"""How a package's script puts its release live; tests/lab/test_debian_package.py runs it for real."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.cli.verbs import find_verb
from django_deploykit.runtime.cli.verbs.packages import next_action

_OLD, _NEW = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"


@pytest.mark.parametrize(
    ("release", "live", "staged", "left", "action"),
    [
        (_NEW, None, [], [], "install"),
        (_NEW, None, [], ["set [django] secret_key"], None),  # a new site, and a person is needed
        (_NEW, _OLD, [_OLD], ["set [django] secret_key"], "install"),  # which refuses it
        (_NEW, _OLD, [_OLD], [], "install"),
        (_NEW, _OLD, [_OLD, _NEW], [], "install"),
        (_NEW, _NEW, [_NEW], [], "install"),  # which finds nothing to do
        (_OLD, _NEW, [_OLD, _NEW], [], "rollback"),
        (_OLD, _NEW, [_NEW], [], "install"),  # it was pruned
    ],
)
def test_the_next_action(
    release: str, live: str | None, staged: list[str], left: list[str], action: str | None
) -> None:
    assert next_action(release, live, staged, left) == action


def test_only_scripts_call_it() -> None:
    verb = find_verb("configure")
    assert verb is not None
    assert (verb.listed, verb.keeps_root, verb.prints_text) == (False, True, True)
