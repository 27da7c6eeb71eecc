"""The table of actions."""

from __future__ import annotations

from django_deploykit.management.actions import ACTIONS, LIVE
from django_deploykit.project.inventory import ACTION_WORDS


def test_every_action_is_a_reserved_word() -> None:
    assert {*ACTIONS} - {LIVE} == {*ACTION_WORDS}
